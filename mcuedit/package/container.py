# SPDX-License-Identifier: Apache-2.0
"""Signed packages: an adapter and its self-tests in an MCUboot image, made by imgtool (SPEC.md, section 7)."""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mcuedit._util.errors import McueditError
from mcuedit.package import self_test
from mcuedit.package.self_test import SelfTest

MAGIC = struct.pack("<I", 0x96F3B83D)
NAME = re.compile(r"[a-z0-9._-]{1,24}")
COUNTER_STEP = 65536  # a device takes no larger step of its security counter at once
HEADER = struct.Struct("<4sIHHIIBBHII")
NON_BOOTABLE = 0x10
PROTECTED, PLAIN = 0x6908, 0x6907
COUNTER, BASE, MANIFEST = 0x50, 0xA0, 0xA1
SHA256, KEY_HASH, SIGNATURE = 0x10, 0x01, 0x24
TLV = struct.Struct("<HH")
SHA_SIZE = 32


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
    self_tests: tuple[SelfTest, ...]
    digest: str
    key_sha256: str
    size: int

    @property
    def container_bytes(self) -> int:
        """Bytes around adapter and self-tests."""
        return self.size - len(self.adapter) - len(self_test.encode(self.self_tests))


@dataclass(frozen=True)
class Identity:
    """What a package is called, and for which base it is; fields as in Package."""

    name: str
    version: str
    counter: int
    base_sha256: str


def seal(
    adapter: bytes, identity: Identity, *, manifest: bytes, key: Any, self_tests: Sequence[SelfTest] = ()
) -> bytes:
    """Makes a package; the same input gives the same bytes.

    Args:
        adapter: device bytes.
        manifest: what its hash is taken of; it does not travel.
        key: as `keys.load_private` or `signer.external` returns it.

    Raises:
        McueditError: name, version or counter cannot be told in a package.
    """
    from imgtool.image import IMAGE_HEADER_SIZE, Image

    check_name(identity.name)
    check_counter(identity.counter)
    image = Image(
        version=parse_version(identity.version),
        header_size=IMAGE_HEADER_SIZE,
        pad_header=True,
        security_counter=identity.counter,
        non_bootable=True,
    )
    image.payload = bytes(IMAGE_HEADER_SIZE) + adapter + self_test.encode(self_tests)
    bound = hashlib.sha256(manifest).digest() + identity.name.encode()
    own = {BASE: bytes.fromhex(identity.base_sha256), MANIFEST: bound}
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


def signed_bytes(data: bytes) -> int:
    """How many bytes of a package of correct form its hash covers."""
    protected, payload = struct.unpack_from("<HI", data, 10)
    return int(HEADER.size + payload + protected)
