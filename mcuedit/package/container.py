# SPDX-License-Identifier: Apache-2.0
"""Signed packages: an adapter and its probes in an MCUboot image, made by imgtool (SPEC.md, section 7)."""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
import struct
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcuedit.errors import McueditError
from mcuedit.keys import PublicKey
from mcuedit.model import Model
from mcuedit.package import adapter as device
from mcuedit.package import probe
from mcuedit.package.probe import Probe

MAGIC = struct.pack("<I", 0x96F3B83D)
NAME = re.compile(r"[a-z0-9._-]{1,24}")
COUNTER_STEP = 65536  # a device takes no larger step of its security counter at once
_HEADER = struct.Struct("<4sIHHIIBBHII")
_NON_BOOTABLE = 0x10
_PROTECTED, _PLAIN = 0x6908, 0x6907
_COUNTER, _BASE, _MANIFEST = 0x50, 0xA0, 0xA1
_SHA256, _KEY_HASH, _SIGNATURE = 0x10, 0x01, 0x24
_TLV = struct.Struct("<HH")
_SHA_SIZE = 32


class Refused(McueditError):
    """A package that no device would take.

    Attributes:
        code: the name of the device's error, such as "E_HASH".
    """

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.code = code


@dataclass(frozen=True)
class Package:
    """What a package says; all hashes hexadecimal.

    Attributes:
        adapter: device bytes.
        version: "major.minor.revision", with "+build" where that is not 0.
        counter: security counter.
        base_sha256: of the base's .tflite. manifest_sha256: of what the host's registry keeps of it.
        digest: of all that is signed. key_sha256: of the signer's key, as PublicKey.sha256.
        size: bytes of the whole file.
    """

    name: str
    version: str
    counter: int
    base_sha256: str
    manifest_sha256: str
    adapter: bytes
    probes: tuple[Probe, ...]
    digest: str
    key_sha256: str
    size: int

    @property
    def container_bytes(self) -> int:
        """Bytes around adapter and probes."""
        return self.size - len(self.adapter) - len(probe.encode(self.probes))


def seal(
    adapter: bytes,
    *,
    name: str,
    version: str,
    counter: int,
    base_sha256: str,
    manifest: bytes,
    key: Any,
    probes: Sequence[Probe] = (),
) -> bytes:
    """Makes a package; the same input gives the same bytes.

    Args:
        adapter: device bytes.
        manifest: what its hash is taken of; it does not travel.
        key: as `keys.load_private` returns it.

    Raises:
        McueditError: name, version or counter cannot be told in a package.
    """
    from imgtool.image import IMAGE_HEADER_SIZE, Image

    check_name(name)
    check_counter(counter)
    image = Image(
        version=parse_version(version),
        header_size=IMAGE_HEADER_SIZE,
        pad_header=True,
        security_counter=counter,
        non_bootable=True,
    )
    image.payload = bytes(IMAGE_HEADER_SIZE) + adapter + probe.encode(probes)
    own = {_BASE: bytes.fromhex(base_sha256), _MANIFEST: hashlib.sha256(manifest).digest() + name.encode()}
    with contextlib.redirect_stdout(io.StringIO()):  # imgtool tells on stdout that it signs
        image.create(key, "hash", None, custom_tlvs=own)
    return bytes(image.payload)


def check_name(name: str) -> None:
    """Raises McueditError for a name that no package can have."""
    if not NAME.fullmatch(name):
        raise McueditError(f"name {name!r} does not fit a package", "use 1 to 24 of a-z 0-9 . _ -; --name gives one")


def check_counter(counter: int) -> None:
    """Raises McueditError for a security counter that no device would accept."""
    if not 1 <= counter < 1 << 32:
        raise McueditError(f"security counter {counter} is not in 1..4294967295", "give another --counter")


def parse_version(text: str) -> Any:
    """imgtool's version of "1.2.0" or "1.2.0+7".

    Raises:
        McueditError: it is none, or a part is too large for its field.
    """
    from imgtool.version import decode_version

    try:
        version = decode_version(text)
    except ValueError as error:
        raise McueditError(f"version {text!r} is none", "use MAJOR.MINOR.REVISION, with +BUILD if needed") from error
    limits = zip(version, (8, 8, 16, 32), ("major", "minor", "revision", "build"), strict=True)
    for value, bits, part in limits:
        if value >= 1 << bits:
            raise McueditError(f"version {text!r}: {part} {value} is above {(1 << bits) - 1}", "use a smaller one")
    return version


def parse(data: bytes, name: str = "package") -> Package:
    """Reads a package by its form alone: exactly the expected fields in their order, no byte more.

    Raises:
        Refused: E_SIZE, E_MAGIC or E_FORM. Nothing of what it says is proven yet.
    """
    read = _Reader(data, name)
    magic, load, header, protected, payload, flags, major, minor, revision, build, pad = _HEADER.unpack(
        read.take(_HEADER.size)
    )
    if magic != MAGIC:
        raise read.refused("E_MAGIC", f"magic {magic.hex()} is not that of a package")
    if (load, header, flags, pad) != (0, _HEADER.size, _NON_BOOTABLE, 0):
        raise read.refused("E_FORM", "its header is not that of an adapter")
    body = read.take(payload)
    read.area(_PROTECTED, protected)
    counter = struct.unpack("<I", read.tlv(_COUNTER, 4))[0]
    base = read.tlv(_BASE, _SHA_SIZE)
    manifest = read.tlv(_MANIFEST, None)
    if read.at != _HEADER.size + payload + protected:
        raise read.refused("E_FORM", "its protected area has another length")
    read.area(_PLAIN, _TLV.size * 4 + 2 * _SHA_SIZE + 64)
    digest, key_hash = read.tlv(_SHA256, _SHA_SIZE), read.tlv(_KEY_HASH, _SHA_SIZE)
    read.tlv(_SIGNATURE, 64)
    if read.at != len(data):
        raise read.refused("E_SIZE", f"{len(data) - read.at} bytes follow its end")
    called = manifest[_SHA_SIZE:].decode("latin-1")
    if not NAME.fullmatch(called):
        raise read.refused("E_FORM", f"its name {called!r} is none")
    adapter, probes = _payload(body, read)
    text = f"{major}.{minor}.{revision}" + (f"+{build}" if build else "")
    sha = manifest[:_SHA_SIZE].hex()
    return Package(called, text, counter, base.hex(), sha, adapter, probes, digest.hex(), key_hash.hex(), len(data))


def open_package(
    data: bytes,
    keys: Sequence[PublicKey],
    *,
    model: Model | None = None,
    floor: int | None = None,
    name: str = "package",
) -> Package:
    """Checks a package as a device does, and in its order.

    Args:
        keys: whom to trust.
        model: the base it must be for; None leaves base and adapter unchecked.
        floor: the highest security counter that was ever active; None leaves the counter unchecked.

    Raises:
        Refused: the first check that fails.
    """
    found = parse(data, name)
    refused = _Reader(data, name).refused
    if hashlib.sha256(data[: signed_bytes(data)]).hexdigest() != found.digest:
        raise refused("E_HASH", "its hash is not that of its bytes")
    key = next((key for key in keys if key.sha256 == found.key_sha256), None)
    if key is None:
        raise refused("E_KEY", f"signed by {found.key_sha256[:16]}, which is none of the {len(keys)} keys given")
    if not _verified(data, key):
        raise refused("E_SIGNATURE", f"its signature is not that of key {key.sha256[:16]}")
    if model is not None and model.sha256 != found.base_sha256:
        raise refused("E_BASE", f"it is for base {found.base_sha256[:16]}, this one is {model.sha256[:16]}")
    if floor is not None and not floor < found.counter <= floor + COUNTER_STEP:
        raise refused("E_COUNTER", f"security counter {found.counter} is not in {floor + 1}..{floor + COUNTER_STEP}")
    if model is not None:
        _check_for(found, model, refused, name)
    return found


def signed_bytes(data: bytes) -> int:
    """How many bytes of a package of correct form its hash covers."""
    protected, payload = struct.unpack_from("<HI", data, 10)
    return int(_HEADER.size + payload + protected)


def _check_for(found: Package, model: Model, refused: Any, name: str) -> None:
    try:
        device.decode(found.adapter, model, name)
    except McueditError as error:
        raise refused("E_FORM", f"its adapter: {error.message}") from error
    try:
        for asked in found.probes:
            asked.expand(model.input.size, model.input.zero)
            if asked.answer >= model.output.size:
                raise ValueError(f"class {asked.answer} of {model.output.size}")
    except ValueError as error:
        raise refused("E_PROBE", f"a probe does not fit the base: {error}") from error


def _payload(body: bytes, read: _Reader) -> tuple[bytes, tuple[Probe, ...]]:
    """Adapter and probes; the adapter's own length field says where it ends."""
    size = 4 * struct.unpack_from("<H", body, 6)[0] if len(body) >= device.HEADER.size else 0
    if not device.HEADER.size <= size <= len(body):
        raise read.refused("E_FORM", f"an adapter of {size} bytes in a payload of {len(body)}")
    try:
        return body[:size], probe.decode(body[size:])
    except ValueError as error:
        raise read.refused("E_FORM", str(error)) from error


def _verified(data: bytes, key: PublicKey) -> bool:
    from imgtool.image import Image, VerifyResult

    with tempfile.TemporaryDirectory(prefix="mcuedit-") as folder:  # imgtool verifies files
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
        found, length = _TLV.unpack(self.take(_TLV.size))
        if found != magic or length != size:
            raise self.refused("E_FORM", f"an area {found:#06x} of {length} bytes where {magic:#06x} of {size} belongs")

    def tlv(self, kind: int, size: int | None) -> bytes:
        """The value of the next TLV; `size` None: a hash and a name."""
        found, length = _TLV.unpack(self.take(_TLV.size))
        if found != kind or (length != size if size is not None else not _SHA_SIZE < length <= _SHA_SIZE + 24):
            raise self.refused("E_FORM", f"field {found:#06x} of {length} bytes where {kind:#06x} belongs")
        return self.take(length)
