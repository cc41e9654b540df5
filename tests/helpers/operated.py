# SPDX-License-Identifier: Apache-2.0
"""Devices that obey an operator, and the operator. The key is known to everybody: never trust it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from helpers import packages
from mcuedit.emulate.devices.updatable import DeviceSetup
from mcuedit.fleet import transport
from mcuedit.fleet.transport.authority import Operator

SEED = 9  # of the operator's key, which signs no package
OPERATOR = Operator(packages.key(SEED).key.sign)
SETUP = DeviceSetup(operators=(packages.public(SEED),))


class Device(transport.Device):
    """A link whose commands are signed."""

    def __init__(self, *args: Any, operator: Operator | None = OPERATOR, **given: Any) -> None:
        super().__init__(*args, operator=operator, **given)


def write_key(folder: Path, seed: int = SEED) -> Path:
    """The file of an operator's private key."""
    from cryptography.hazmat.primitives import serialization as s

    path = folder / f"operator-{seed}.pem"
    path.touch(0o600)
    path.write_bytes(packages.key(seed).key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption()))
    return path
