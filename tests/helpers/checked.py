# SPDX-License-Identifier: Apache-2.0
"""The device's check of packages (tests/c/checked.c) as a program of this machine under sanitizers."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from helpers.crypto import crypto_sources
from helpers.native import SANITIZERS, WARNINGS, includes, sanitizing, source
from mcuedit.build.external import monocypher
from mcuedit.model.adaptable import is_adaptable, op_geometry
from mcuedit.model.tflite import Model

HERE = Path(__file__).resolve().parents[1] / "c"
DEVELOPMENT = "MCUEDIT_STORE_DEVELOPMENT"
_CORE = ("package", "self_test", "adapter", "argmax", "crc32", "delta", "dot", "error", "window")


def sources() -> list[Path]:
    """What checks a package."""
    return [*(source(name) for name in _CORE), *crypto_sources()]


def base_in_c(model: Model) -> str:
    """`checked_base` and CHECKED_INPUT_SIZE: what checks must know of a base without windows, and nothing that runs."""
    ops = []
    for op in model.ops:
        if is_adaptable(model, op):
            c = op_geometry(model, op.index)
            ops.append(f"{{{c.n_in}, {c.n_out}, {c.positions}, {c.zx}, {c.act_lo}, {c.act_hi}, 0, 0}}")
        else:
            ops.append("{0, 0, 0, 0, 0, 0, 0, 0}")
    return (
        '#include "mcuedit/mcuedit.h"\n'
        f"#define CHECKED_INPUT_SIZE {model.input.size}\n"
        f"static const mcuedit_op checked_ops[] = {{{', '.join(ops)}}};\n"
        f"static const mcuedit_base checked_base = {{{{{', '.join(map(str, bytes.fromhex(model.sha256)))}}},\n"
        f"    {len(ops)}, 0, {model.output.size}, checked_ops, 0, 0, 0}};\n"
    )


class Checked:
    """A device that knows a base, and the same built for development.

    Args:
        folder: where it is compiled.
    """

    def __init__(self, model: Model, folder: Path) -> None:
        self._compiler, self._folder = sanitizing(folder), folder
        (folder / "base.h").write_text(base_in_c(model), encoding="utf-8")
        found = monocypher.find()
        own = [*sources(), HERE / "checked.c", HERE / "checked_main.c"]
        flags = (*WARNINGS, *SANITIZERS, *includes(), *found.flags, f"-I{HERE}", "-I.")
        objects = [self._compile(source, flags) for source in own]
        objects += [self._compile(source, (*monocypher.SOURCE_FLAGS, "-O1")) for source in found.sources]
        self._compiler.run([*SANITIZERS, *objects, "-o", "checked"], folder)
        objects[0] = self._compile(own[0], (*flags, f"-D{DEVELOPMENT}"))
        self._compiler.run([*SANITIZERS, *objects, "-o", "development"], folder)

    def _compile(self, source: Path, flags: Sequence[str]) -> str:
        self._compiler.compile([*flags, "-c", str(source), "-o", f"{source.stem}.o"], self._folder)
        return f"{source.stem}.o"

    def verdicts(
        self, packages: Iterable[bytes], keys: Sequence[bytes], *, offset: int = 0, development: bool = False
    ) -> list[str]:
        """Error names ("OK" if accepted), of packages that stand `offset` bytes behind an aligned address."""
        given = bytes([len(keys)]) + b"".join(keys)
        given += b"".join(struct.pack("<IB", len(package), offset) + package for package in packages)
        program = self._folder / ("development" if development else "checked")
        done = subprocess.run([program], input=given, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode(errors="replace")[-3000:]
        return done.stdout.decode().split()
