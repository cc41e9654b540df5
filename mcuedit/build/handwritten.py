# SPDX-License-Identifier: Apache-2.0
"""Which files of firmware/, and of libraries beside it, go into an app."""

from __future__ import annotations

from pathlib import Path

from mcuedit._util import resources
from mcuedit.boards.board import Board
from mcuedit.build.apps import APPS
from mcuedit.build.external import monocypher, zcbor
from mcuedit.build.external.tflm import Library


def apps(app: str | None) -> list[Path]:
    """Sources of an app."""
    more = ("smp", "crypto") if APPS[app].updatable else ()
    own = [resources.path("firmware") / "apps" / name for name in APPS[app].files]
    return own + [source for part in more for source in folder(part, "*.c")]


def external(app: str | None) -> tuple[list[Path], tuple[str, ...]]:
    """Sources that others wrote, and the flags with which every file finds their headers."""
    if not APPS[app].updatable:
        return [], ()
    cbor, crypto = zcbor.find(), monocypher.find()
    return [*cbor.sources, *crypto.sources], (*cbor.flags, *crypto.flags)


def freestanding(app: str | None) -> tuple[str, ...]:
    """Where no C library is linked, its headers are ours: zcbor wants some."""
    return ("-isystem", str(resources.path("firmware") / "smp" / "libc")) if APPS[app].updatable else ()


def core(app: str | None) -> list[Path]:
    """The library, as much of it as an app needs."""
    parts = dict.fromkeys(("core", "kernels", *APPS[app].parts))
    return [source for part in parts for source in folder(part, "*.c")]


def folder(name: str, pattern: str) -> list[Path]:
    """Files of a folder of firmware/."""
    return sorted((resources.path("firmware") / name).glob(pattern))


def port(board: Board, traced: bool, tflm: Library | None) -> list[Path]:
    """What a board needs beside an app: startup, UART, flash."""
    place = resources.path("firmware") / "port"
    own = ["cxx.c"] if tflm else ["mem.c"]  # in place of what is not linked: parts of a C++ library, or all of C's
    names = ["startup.c", *own, "print.c", f"uart_{board.uart_driver}.c"] + ["trace.c"] * traced
    if board.geometry and board.geometry.driver:  # the linker drops it from apps that have no store
        names += ["flash.c", f"flash_{board.geometry.driver}.c"]
    return [place / name for name in names]
