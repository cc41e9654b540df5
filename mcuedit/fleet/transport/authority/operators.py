# SPDX-License-Identifier: Apache-2.0
"""Who signs commands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mcuedit.fleet.transport.authority.device_keys import SUFFIX, DeviceKeys
from mcuedit.fleet.transport.authority.signing import Moment, signed
from mcuedit.package.keys import load_private, load_public
from mcuedit.package.signer import external

_SIGNATURE = 64


@dataclass(frozen=True)
class Operator:
    """One with an Ed25519 key, whose public half devices were built with.

    Attributes:
        sign: the signature of a digest, 64 bytes.
    """

    sign: Callable[[bytes], bytes]

    @classmethod
    def load(cls, path: Path) -> Operator:
        """Of a private key in PEM.

        Raises:
            McueditError: it is none, has a password, or others may read it.
        """
        return cls(load_private(path).key.sign)

    @classmethod
    def external(cls, path: Path, command: str) -> Operator:
        """Of a public key in PEM, whose private half only a program can use (`package.signer`).

        Raises:
            McueditError: it is none, or the command is no command line.
        """
        return cls(external(command, load_public(path)).key.sign)

    def signed(self, message: bytes, moment: Moment) -> bytes:
        """A request that the device of `moment` obeys."""
        return signed(message, moment, self.sign, _SIGNATURE)


def load(path: Path, command: str | None = None) -> Operator | DeviceKeys:
    """Who signs: the owner of a private key in PEM, or of the keys of devices in TOML.

    Args:
        command: a program that signs instead, for the public key at `path`.

    Raises:
        McueditError: it is neither, or others may read it.
    """
    if command is not None:
        return Operator.external(path, command)
    return DeviceKeys.load(path) if path.suffix == SUFFIX else Operator.load(path)
