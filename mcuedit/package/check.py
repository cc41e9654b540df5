# SPDX-License-Identifier: Apache-2.0
"""Reads packages as strictly as a device, and in its order (SPEC.md, section 7)."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mcuedit._util import system
from mcuedit._util.errors import McueditError
from mcuedit.adapter import encoding as device
from mcuedit.model.tflite import Model
from mcuedit.package import container as c
from mcuedit.package import self_test
from mcuedit.package.container import COUNTER_STEP, MAGIC, NAME, Package, Refused, signed_bytes
from mcuedit.package.keys import PublicKey
from mcuedit.package.self_test import SelfTest


def parse(data: bytes, name: str = "package") -> Package:
    """Reads a package by its form alone: exactly the expected fields in their order, no byte more.

    Raises:
        Refused: E_SIZE, E_MAGIC or E_FORM. Nothing of what it says is proven yet.
    """
    read = _Reader(data, name)
    magic, load, header, protected, payload, flags, major, minor, revision, build, pad = c.HEADER.unpack(
        read.take(c.HEADER.size)
    )
    if magic != MAGIC:
        raise read.refused("E_MAGIC", f"magic {magic.hex()} is not that of a package")
    if (load, header, flags, pad) != (0, c.HEADER.size, c.NON_BOOTABLE, 0):
        raise read.refused("E_FORM", "its header is not that of an adapter")
    body = read.take(payload)
    read.area(c.PROTECTED, protected)
    counter = struct.unpack("<I", read.tlv(c.COUNTER, 4))[0]
    base = read.tlv(c.BASE, c.SHA_SIZE)
    manifest = read.tlv(c.MANIFEST, None)
    if read.at != c.HEADER.size + payload + protected:
        raise read.refused("E_FORM", "its protected area has another length")
    read.area(c.PLAIN, c.TLV.size * 4 + 2 * c.SHA_SIZE + 64)
    digest, key_hash = read.tlv(c.SHA256, c.SHA_SIZE), read.tlv(c.KEY_HASH, c.SHA_SIZE)
    read.tlv(c.SIGNATURE, 64)
    if read.at != len(data):
        raise read.refused("E_SIZE", f"{len(data) - read.at} bytes follow its end")
    called = manifest[c.SHA_SIZE :].decode("latin-1")
    if not NAME.fullmatch(called):
        raise read.refused("E_FORM", f"its name {called!r} is none")
    adapter, self_tests = _payload(body, read)
    text = f"{major}.{minor}.{revision}" + (f"+{build}" if build else "")
    sha = manifest[: c.SHA_SIZE].hex()
    return Package(called, text, counter, base.hex(), sha, adapter, self_tests, digest.hex(), key_hash.hex(), len(data))


def intact(data: bytes, name: str = "package") -> Package:
    """A package whose form and hash hold; who signed it is not looked at.

    Raises:
        Refused: as `parse`, or E_HASH.
    """
    found = parse(data, name)
    if hashlib.sha256(data[: signed_bytes(data)]).hexdigest() != found.digest:
        raise _Reader(data, name).refused("E_HASH", "its hash is not that of its bytes")
    return found


def open_package(
    data: bytes,
    keys: Sequence[PublicKey],
    *,
    model: Model | None = None,
    minimum_counter: int | None = None,
    name: str = "package",
) -> Package:
    """Checks a package as a device does, and in its order.

    Args:
        keys: whom to trust.
        model: the base it must be for; None leaves base and adapter unchecked.
        minimum_counter: the highest security counter that was ever active; None leaves the counter unchecked.

    Raises:
        Refused: the first check that fails.
    """
    found = intact(data, name)
    refused = _Reader(data, name).refused
    key = next((key for key in keys if key.sha256 == found.key_sha256), None)
    if key is None:
        raise refused("E_KEY", f"signed by {found.key_sha256[:16]}, which is none of the {len(keys)} keys given")
    if not _verified(data, key):
        raise refused("E_SIGNATURE", f"its signature is not that of key {key.sha256[:16]}")
    if model is not None and model.sha256 != found.base_sha256:
        raise refused("E_BASE", f"it is for base {found.base_sha256[:16]}, this one is {model.sha256[:16]}")
    if minimum_counter is not None and not minimum_counter < found.counter <= minimum_counter + COUNTER_STEP:
        takes = f"{minimum_counter + 1}..{minimum_counter + COUNTER_STEP}"
        raise refused("E_COUNTER", f"security counter {found.counter} is not in {takes}")
    if model is not None:
        _check_for(found, model, refused, name)
    return found


def _check_for(found: Package, model: Model, refused: Any, name: str) -> None:
    try:
        device.decode(found.adapter, model, name)
    except McueditError as error:
        raise refused("E_FORM", f"its adapter: {error.message}") from error
    try:
        for asked in found.self_tests:
            asked.expand(model.input_size, model.input.zero)
            if asked.answer >= model.classes:
                raise ValueError(f"class {asked.answer} of {model.classes}")
    except ValueError as error:
        raise refused("E_SELF_TEST", f"a self-test does not fit the base: {error}") from error


def _payload(body: bytes, read: _Reader) -> tuple[bytes, tuple[SelfTest, ...]]:
    """Adapter and self-tests; the adapter's own length field says where it ends."""
    size = 4 * struct.unpack_from("<H", body, 6)[0] if len(body) >= device.HEADER.size else 0
    if not device.HEADER.size <= size <= len(body):
        raise read.refused("E_FORM", f"an adapter of {size} bytes in a payload of {len(body)}")
    try:
        return body[:size], self_test.decode(body[size:])
    except ValueError as error:
        raise read.refused("E_FORM", str(error)) from error


def _verified(data: bytes, key: PublicKey) -> bool:
    from imgtool.image import Image, VerifyResult

    with system.folder() as folder:  # imgtool verifies files
        file = Path(folder, "package.bin")
        file.write_bytes(data)
        return bool(Image.verify(str(file), key.imgtool())[0] == VerifyResult.OK)


class _Reader:
    """Takes a package apart from front to back."""

    def __init__(self, data: bytes, name: str) -> None:
        self._data, self._name, self.at = data, name, 0

    def refused(self, code: str, why: str) -> Refused:
        return Refused(code, f"{self._name}: refused: {why}", "copy it again from its source, or pack it again")

    def take(self, size: int) -> bytes:
        if self.at + size > len(self._data):
            raise self.refused("E_SIZE", f"it ends after {len(self._data)} bytes, within its fields")
        self.at += size
        return self._data[self.at - size : self.at]

    def area(self, magic: int, size: int) -> None:
        """The start of an area of TLVs."""
        found, length = c.TLV.unpack(self.take(c.TLV.size))
        if found != magic or length != size:
            raise self.refused("E_FORM", f"an area {found:#06x} of {length} bytes where {magic:#06x} of {size} belongs")

    def tlv(self, kind: int, size: int | None) -> bytes:
        """The value of the next c.TLV; `size` None: a hash and a name."""
        found, length = c.TLV.unpack(self.take(c.TLV.size))
        if found != kind or (length != size if size is not None else not c.SHA_SIZE < length <= c.SHA_SIZE + 24):
            raise self.refused("E_FORM", f"field {found:#06x} of {length} bytes where {kind:#06x} belongs")
        return self.take(length)
