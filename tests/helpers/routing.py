# SPDX-License-Identifier: Apache-2.0
"""Cache and router of a base in C, with a flash behind the reader that counts, and fails when it is told to."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from helpers.core import address, guarded, guards_hold
from helpers.native import Native

READ = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_uint32)


class Slots(ctypes.Structure):
    _fields_ = [
        ("origin", ctypes.c_uint32),
        ("pitch", ctypes.c_uint32),
        ("size", ctypes.c_uint32),
        ("count", ctypes.c_uint16),
    ]


class CacheConfig(ctypes.Structure):
    _fields_ = [
        ("base", ctypes.c_void_p),
        ("slots", ctypes.POINTER(Slots)),
        ("context", ctypes.c_void_p),
        ("read", READ),
        ("mapped", ctypes.c_void_p),
        ("places", ctypes.c_void_p),
        ("order", ctypes.c_void_p),
        ("bytes", ctypes.c_void_p),
        ("byte_count", ctypes.c_uint32),
        ("place_count", ctypes.c_uint8),
    ]


class Cache(ctypes.Structure):
    _fields_ = [("config", ctypes.c_void_p), ("hits", ctypes.c_uint32), ("misses", ctypes.c_uint32)]


class Route(ctypes.Structure):
    _fields_ = [("id", ctypes.c_uint32), ("slots", ctypes.POINTER(ctypes.c_uint16)), ("count", ctypes.c_uint8)]


class Routes(ctypes.Structure):
    _fields_ = [("routes", ctypes.POINTER(Route)), ("count", ctypes.c_uint16), ("otherwise", Route)]


def route(number: int, slots: Sequence[int]) -> Route:
    return Route(number, (ctypes.c_uint16 * len(slots))(*slots), len(slots))


@dataclass
class Flash:
    """What lies behind the reader.

    Attributes:
        reads: (offset, size) of each call.
        fault: of the next read that it befalls: "error" answers with one; "short" writes half and says so; "silent"
            writes half, "nothing" nothing at all, and neither says so.
        after: reads that are still to succeed before the fault.
        lasting: the fault befalls all further reads.
    """

    content: bytearray
    reads: list[tuple[int, int]] = field(default_factory=list)
    fault: str = ""
    after: int = 0
    lasting: bool = False

    def read(self, context: int | None, offset: int, to: int, size: int) -> int:
        self.reads.append((offset, size))
        data = bytes(self.content[offset : offset + size])
        fault = self.fault if self.after == 0 else ""
        self.after = max(0, self.after - 1)
        if fault and not self.lasting:
            self.fault = ""
        written = {"": size, "error": size, "short": size // 2, "silent": size // 2, "nothing": 0}[fault]
        ctypes.memmove(to, data[:written], min(written, len(data)))
        return int(fault in ("error", "short") or len(data) < size)


def image(raws: Sequence[bytes], slot: int, pitch: int, origin: int = 0) -> bytearray:
    """Adapters in slots, 0xFF between them."""
    content = bytearray(b"\xff" * (origin + pitch * len(raws)))
    for i, raw in enumerate(raws):
        assert len(raw) <= slot
        content[origin + pitch * i : origin + pitch * i + len(raw)] = raw
    return content


class Router:
    """One router over a Native's context.

    Args:
        table: ids and slots of routes, in the order given.
        places: of the cache; `room` bytes for them, if it is not what they take.
        mapped: the flash is read in place.

    Attributes:
        error: of the first init that failed, "OK" if none did.
    """

    def __init__(
        self,
        net: Native,
        flash: Flash,
        slots: Slots,
        table: Mapping[int, Sequence[int]] | Sequence[tuple[int, Sequence[int]]],
        otherwise: Sequence[int] = (),
        **how: int,
    ) -> None:
        self._net, self.flash = net, flash
        places = how.get("places", 2)
        room = how.get("room", places * slots.size)
        place_size = ctypes.c_uint32.in_dll(net.lib, "shim_cache_place_size").value
        self.bytes, self.places, self.order = guarded(room), guarded(places * place_size), guarded(places * 8)
        self._read = READ(flash.read)
        self._mapped = (ctypes.c_uint32 * (len(flash.content) // 4 + 1)).from_buffer_copy(
            bytes(flash.content).ljust(4 * (len(flash.content) // 4 + 1), b"\xff")
        )
        mapped = how.get("mapped", False)
        self.config = CacheConfig(
            ctypes.cast(net.base, ctypes.c_void_p),
            ctypes.pointer(slots),
            None,
            self._read,
            ctypes.addressof(self._mapped) if mapped else None,
            address(self.places),
            address(self.order),
            None if mapped else ctypes.c_void_p(address(self.bytes).value + how.get("skew", 0)),
            0 if mapped else room,
            places,
        )
        pairs = list(table.items()) if isinstance(table, Mapping) else list(table)
        self._routes = (Route * max(1, len(pairs)))(*(route(*pair) for pair in pairs))
        self.table = Routes(self._routes, len(pairs), route(0, otherwise))
        self.cache = Cache()
        self.state = ctypes.create_string_buffer(ctypes.c_uint32.in_dll(net.lib, "shim_router_size").value)
        error = net.lib.mcuedit_cache_init(ctypes.byref(self.cache), ctypes.byref(self.config))
        if not error:
            error = net.lib.mcuedit_router_init(
                self.state, ctypes.byref(self.table), ctypes.byref(self.cache), net.context
            )
        self.error = net.name(error)

    def switch(self, number: int) -> str:
        return self._net.name(self._net.lib.mcuedit_router_switch(self.state, ctypes.c_uint32(number)))

    def needed(self) -> int:
        """Places."""
        return int(self._net.lib.mcuedit_routes_places(ctypes.byref(self.table)))

    def guards_hold(self) -> bool:
        """Whether nothing beside the memory of the cache was written."""
        return all(map(guards_hold, (self.bytes, self.places, self.order)))

    def ram(self) -> int:
        """Bytes that it was given."""
        given: Sequence[np.ndarray] = (self.bytes, self.places, self.order)
        return sum(len(one) for one in given) + ctypes.sizeof(self.cache)
