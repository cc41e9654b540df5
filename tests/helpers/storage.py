# SPDX-License-Identifier: Apache-2.0
"""The store of this machine's build of the firmware, over a strict model of a flash (firmware/testing)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from helpers import packages
from helpers.checked import base_in_c
from helpers.crypto import crypto_sources
from helpers.native import WARNINGS, includes, link, source
from mcuedit._util import resources

POWERLOSS = Path(__file__).resolve().parents[1] / "powerloss"
_CORE = (
    "package",
    "self_test",
    "adapter",
    "crc32",
    "argmax",
    "delta",
    "error",
    "error_text",
    "context",
    "journal",
    "dot",
    "window",
)
# What device.c knows by number: name, counter. 0 and 2 have one name; 6 has self-tests.
PACKAGES = (("a", 1), ("b", 2), ("a", 3), ("c", 4), ("d", 5), ("e", 6), ("tested", 7), ("extra", 60_000))
SELF_TESTED = 6


@cache
def package(index: int) -> bytes:
    """The signed bytes of PACKAGES[index], for `packages.model()`."""
    name, counter = PACKAGES[index]
    model = packages.model()
    made = packages.fact(model, seed=index, name=name)
    self_tests = packages.self_tests(model, made) if index == SELF_TESTED else ()
    return packages.package(model, adapter=made, name=name, counter=counter, self_tests=self_tests)


def sources() -> list[Path]:
    """The C of store, flash model and device."""
    core = [source(name) for name in _CORE]
    store = [source(name) for name in ("store", "slots")]
    return [
        *core,
        *store,
        *crypto_sources(signatures=False),
        resources.path("firmware") / "testing" / "flash_model.c",
        POWERLOSS / "device.c",
    ]


def _array(name: str, data: bytes) -> str:
    return f"static const uint8_t {name}[] __attribute__((aligned(4))) = {{{', '.join(map(str, data))}}};\n"


def write_headers(folder: Path) -> None:
    """base.h and packages.h of device.c."""
    (folder / "base.h").write_text(base_in_c(packages.model()), encoding="utf-8")
    text = "".join(_array(f"package_{i}", package(i)) for i in range(len(PACKAGES)))
    rows = ", ".join(f"{{package_{i}, sizeof(package_{i})}}" for i in range(len(PACKAGES)))
    text += f"const device_package device_packages[] = {{{rows}}};\n"
    text += f"static const uint8_t device_keys[1][32] = {{{{{', '.join(map(str, packages.public().raw))}}}}};\n"
    (folder / "packages.h").write_text(text, encoding="utf-8")


def compile_with(
    folder: Path,
    program: Path | None,
    *flags: str,
    output: str,
    more: Sequence[Path] = (),
    objects: Sequence[str] = (),
) -> Path:
    """A program, or without one a shared library, of `sources` and more, and of objects in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    write_headers(folder)
    files = [*sources(), *([program] if program else [])]
    kind = () if program else ("-shared", "-fPIC")
    standard = ["-std=gnu99", *WARNINGS[1:]]
    flags = (*standard, *flags, *kind, *includes(), f"-I{POWERLOSS}", "-I.")
    return link(folder, [*files, *more], *flags, output=output, libraries=objects)
