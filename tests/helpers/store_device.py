# SPDX-License-Identifier: Apache-2.0
"""The store in C as a library, one device in it (tests/powerloss/device.c)."""

from __future__ import annotations

import ctypes
import random
from pathlib import Path

from helpers import storage

SLOTS = 8
EMPTY, REVOKED, STAGED, PROVEN = range(4)  # MCUEDIT_KEPT_
BEFORE, AFTER, PREFIX, MIX, UNREADABLE, SUFFIX = range(6)  # FLASH_CUT_

_U32 = ctypes.c_uint32


class Sight(ctypes.Structure):
    """device_sight."""

    _fields_ = [
        *(
            (name, _U32)
            for name in ("confirmed", "previous", "trial", "in_trial", "boots", "minimum_counter", "sequence", "pages")
        ),
        ("masks", _U32 * 2),
        *((name, _U32) for name in ("damage", "operations", "violations")),
        ("kept", _U32 * SLOTS),
        ("erases", _U32 * SLOTS),
        ("flash_erases", _U32),
        ("flash_slot_erases", _U32 * SLOTS),
        ("package", ctypes.c_int32 * SLOTS),
    ]


class Device:
    """A device around a blank flash.

    Args:
        geometry: program unit, erase page, slot size, slots, pages of the journal.
    """

    def __init__(self, library: Path, geometry: tuple[int, int, int, int, int] = (8, 2048, 2048, 6, 2)) -> None:
        self.lib = ctypes.CDLL(str(library))
        self.lib.mcuedit_error_name.restype = ctypes.c_char_p
        self.lib.device_check_log.restype = ctypes.c_char_p
        self.lib.device_store.restype = ctypes.c_void_p
        self.lib.device_set(0, 0, 1)
        self.lib.device_new(*geometry)
        self.store = ctypes.c_void_p(self.lib.device_store())
        self.geometry = geometry

    def name(self, code: int) -> str:
        """Name of an error."""
        return str(self.lib.mcuedit_error_name(code).decode())

    def boot(self) -> str:
        """Power on."""
        return self.name(self.lib.device_boot())

    def install(self, package: int | bytes, piece: int = 100) -> int | str:
        """Slot of a package (of storage.PACKAGES, or any bytes), or an error."""
        data = package if isinstance(package, bytes) else storage.package(package)
        code = self.lib.device_install(data, len(data), piece)
        return code if code >= 0 else self.name(code)

    def call(self, verb: str, *arguments: int) -> str:
        """mcuedit_store_VERB."""
        return self.name(getattr(self.lib, f"mcuedit_store_{verb}")(self.store, *arguments))

    def pick(self, arm: int) -> int:
        """The arm that the next inference runs with."""
        return int(self.lib.mcuedit_store_pick(self.store, arm)) & 0xFF

    def look(self) -> Sight:
        """What there is to see; the flash was used as it must be."""
        sight = Sight()
        self.lib.device_look(ctypes.byref(sight))
        assert sight.violations == 0
        return sight

    def log(self) -> list[bytes]:
        """All records, each of 32 bytes."""
        record, found = ctypes.create_string_buffer(32), []
        while self.lib.mcuedit_store_log(self.store, len(found) and _sequence(found[-1]) + 1, record, None) == 1:
            found.append(record.raw)
        return found

    def cut_soon(self, rng: random.Random, within: int) -> None:
        """The power goes at one of the next operations, somehow."""
        kind = rng.choice((BEFORE, AFTER, PREFIX, PREFIX, MIX, UNREADABLE, SUFFIX))
        self.lib.device_cut(
            rng.randrange(within), kind, rng.choice((rng.randrange(130), rng.randrange(4096))), rng.randrange(1 << 30)
        )


def _sequence(record: bytes) -> int:
    return int.from_bytes(record[:4], "little")
