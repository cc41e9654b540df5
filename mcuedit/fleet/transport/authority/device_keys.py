# SPDX-License-Identifier: Apache-2.0
"""Keys that each device shares with its operator, for parts that hold one: commands carry a MAC, no signature."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass, field
from pathlib import Path

from mcuedit._util.errors import McueditError
from mcuedit.fleet.transport.authority.key_files import KeyFile
from mcuedit.fleet.transport.authority.signing import Moment, signed

SUFFIX = ".toml"
_MAC = 32
_HINT = 'a table [keys] with a line for each device, "id" = "64 hexadecimal digits"'


@dataclass(frozen=True)
class DeviceKeys:
    """HMAC-SHA-256 by the key of the device that a command is for.

    Attributes:
        keys: device id to key, 32 bytes.
    """

    keys: dict[str, bytes] = field(repr=False)

    @classmethod
    def load(cls, path: Path) -> DeviceKeys:
        """Of a TOML file.

        Raises:
            McueditError: it is none, or others may read it.
        """
        file = KeyFile.read(path, _HINT)
        file.check_private()
        found = file.table.get("keys")
        if not isinstance(found, dict) or not all(_is_key(text) for text in found.values()):
            raise McueditError(f"{path}: no keys of devices", _HINT)
        return cls({device: bytes.fromhex(text) for device, text in found.items()})

    def signed(self, message: bytes, moment: Moment) -> bytes:
        """A request that the device of `moment` obeys.

        Raises:
            McueditError: it has no key here.
        """
        key = self.keys.get(moment.device)
        if key is None:
            raise McueditError(f"no key of device {moment.device!r}", "add it to the file of --operator-key")
        return signed(message, moment, lambda digest: hmac.digest(key, digest, "sha256"), _MAC)


def _is_key(text: object) -> bool:
    return isinstance(text, str) and re.fullmatch(r"[0-9A-Fa-f]{64}", text) is not None
