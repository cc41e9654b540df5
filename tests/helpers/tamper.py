# SPDX-License-Identifier: Apache-2.0
"""Where the parts of a package stand, and how an attacker, or a careless signer, would change them."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator

from imgtool.keys import Ed25519

TAIL = 144  # bytes of the unprotected area


def parts(package: bytes) -> dict[str, range]:
    """Name of a part -> its bytes; together, in order, they are the whole."""
    protected, payload = struct.unpack_from("<HI", package, 10)
    adapter = 4 * struct.unpack_from("<H", package, 38)[0]
    name = protected - 84
    sizes = {
        "magic": 4,
        "load address": 4,
        "header size": 2,
        "protected size": 2,
        "payload size": 4,
        "flags": 4,
        "version": 8,
        "pad": 4,
        "adapter start": 6,
        "adapter size": 2,
        "adapter": adapter - 8,
        "self_tests": payload - adapter,
        "protected head": 8,
        "counter": 4,
        "base head": 4,
        "base": 32,
        "manifest head": 4,
        "manifest": 32,
        "name": name,
        "hash head": 8,
        "hash": 32,
        "key hash head": 4,
        "key hash": 32,
        "signature head": 4,
        "signature": 64,
    }
    found, at = {}, 0
    for part, size in sizes.items():
        found[part] = range(at, at + size)
        at += size
    assert at == len(package)
    return found


def flips(package: bytes, where: range) -> Iterator[bytes]:
    """The package with each bit of a part changed, one at a time."""
    for bit in range(8 * where.start, 8 * where.stop):
        changed = bytearray(package)
        changed[bit // 8] ^= 1 << bit % 8
        yield bytes(changed)


def sign_again(package: bytes, key: Ed25519) -> bytes:
    """Hash, key hash and signature of `key` over whatever else the package says."""
    signed = package[:-TAIL]
    digest = hashlib.sha256(signed).digest()
    area = bytearray(package[-TAIL:])
    area[8:40] = digest
    area[44:76] = hashlib.sha256(key.get_public_bytes()).digest()
    area[80:144] = key.sign_digest(digest)
    return signed + bytes(area)
