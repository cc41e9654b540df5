# SPDX-License-Identifier: Apache-2.0
"""Small ELF files for Cortex-M, of nothing but segments."""

from __future__ import annotations

import struct


def elf(*segments: tuple[int, bytes], machine: int = 40) -> bytes:
    """An executable that loads each of `segments`, address and bytes."""
    header, entry = struct.Struct("<16sHHIIIIIHHHHHH"), struct.Struct("<IIIIIIII")
    ident = b"\x7fELF\x01\x01\x01" + bytes(9)
    at = header.size + entry.size * len(segments)
    fields = (2, machine, 1, 0, header.size, 0, 0, header.size, entry.size, len(segments), 0, 0, 0)
    table, body = b"", b""
    for address, data in segments:
        table += entry.pack(1, at + len(body), address, address, len(data), len(data), 5, 4)
        body += data
    return header.pack(ident, *fields) + table + body
