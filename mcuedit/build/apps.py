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
        parts: of the library, beside core and kernels.
        updatable: with a transport and cryptography, too.
    """

    files: tuple[str, ...]
    parts: tuple[str, ...] = ()
    defines: tuple[str, ...] = ()
    updatable: bool = False


_LINE = ("common/answer.c", "common/line.c")  # the line protocol, and what it answers
_COMPILED_IN = ("common/app.c", "common/answer.c")
_DEVICE = ("common/updatable.c", *_LINE, "device/device.c")
_LEARNS = ("common/correction.c", "device_learning/learning.c")

APPS: Mapping[str | None, App] = {
    None: App((), resources.LIBRARY),  # a main of unknown wants
    "server": App((*_COMPILED_IN, "common/line.c", "server/server.c"), defines=("MCUEDIT_CORE_ERRORS_ONLY",)),
    "selftest": App((*_COMPILED_IN, "selftest/selftest.c")),
    "hostlib": App((*_COMPILED_IN, "hostlib/hostlib.c")),
    "client_federated": App((*_LINE, "client_federated/client_federated.c"), ("federate",)),
    "trainer_uart": App(
        (*_LINE, "common/correction.c", "trainer_uart/trainer_uart.c"), ("train",), ("MCUEDIT_FAST_MATMUL=1",)
    ),
    "device_learning": App(
        (*_DEVICE, *_LEARNS),
        ("store", "train", "session"),
        ("DEVICE_LEARNS", "MCUEDIT_TEACHING", "MCUEDIT_FAST_MATMUL=1"),
        updatable=True,
    ),
    "device": App(_DEVICE, ("store",), updatable=True),
    "device_process": App(
        ("common/updatable.c", "common/answer.c", "device_process/device_process.c", "device_process/udp_flash.c"),
        ("store", "testing"),
        ("UPDATABLE_BUFFER=1536",),  # a datagram of an Ethernet
        updatable=True,
    ),
}
