# SPDX-License-Identifier: Apache-2.0
"""The apps of firmware/apps: what each is built from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mcuedit._util import resources


@dataclass(frozen=True)
class App:
    """What an app is made of.

    Attributes:
        files: of firmware/apps.
        parts: of the library, beside src and engine.
        updatable: with a transport and cryptography, too.
    """

    files: tuple[str, ...]
    parts: tuple[str, ...] = ()
    defines: tuple[str, ...] = ()
    updatable: bool = False


APPS: Mapping[str | None, App] = {
    None: App((), resources.LIBRARY),  # a main of unknown wants
    "server": App(("app.c", "answer.c", "line.c", "server.c"), defines=("MCUEDIT_CORE_ERRORS_ONLY",)),
    "selftest": App(("app.c", "answer.c", "selftest.c")),
    "host": App(("app.c", "answer.c", "host.c")),
    "federate": App(("answer.c", "line.c", "federate.c"), ("federate",)),
    "learn": App(("answer.c", "line.c", "teach.c", "learn.c"), ("train",), ("MCUEDIT_FAST_ROWS=1",)),
    "learner": App(
        ("node.c", "answer.c", "line.c", "teach.c", "lesson.c", "device.c"),
        ("store", "train", "learn"),
        ("NODE_LEARNS", "MCUEDIT_FAST_ROWS=1"),
        updatable=True,
    ),
    "device": App(("node.c", "answer.c", "line.c", "device.c"), ("store",), updatable=True),
    "udp": App(("node.c", "answer.c", "udp.c", "udp_flash.c"), ("store",), updatable=True),
}
