# SPDX-License-Identifier: Apache-2.0
"""Lists of revoked keys, which root keys sign one after another, offline (docs/spec/package.md)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from mcuedit._util.errors import McueditError
from mcuedit.package.keys import PublicKey

MAGIC = b"mcuR"
ID, MOST_KEYS, MOST_ROOTS = 8, 7, 3
_HEAD = struct.Struct("<4sIB3x")
_SIGNATURE = 64
_ENTRY = ID + _SIGNATURE
_HINT = "give a list as 'mcuedit revoke' writes it"


@dataclass(frozen=True)
class Roots:
    """Who may revoke keys of packages: `threshold` of these together.

    Raises:
        McueditError: more keys than a device holds, or no such threshold.
    """

    keys: tuple[PublicKey, ...] = ()
    threshold: int = 0

    def __post_init__(self) -> None:
        count = len(self.keys)
        if count > MOST_ROOTS:
            raise McueditError(f"{count} root keys: a device holds {MOST_ROOTS}", "name 1 to 3 with --root")
        if not (1 <= self.threshold <= count or count == self.threshold == 0):
            raise McueditError(
                f"a threshold of {self.threshold} of {count} root keys",
                "--root-threshold is at least 1, and at most all",
            )

    @classmethod
    def of(cls, keys: Sequence[PublicKey], threshold: int | None = None) -> Roots:
        """These keys; most of them together, if nothing else is said."""
        usual = len(keys) // 2 + 1 if keys else 0
        return cls(tuple(keys), usual if threshold is None else threshold)

    def __bool__(self) -> bool:
        return bool(self.keys)


@dataclass(frozen=True)
class Revocation:
    """A list.

    Attributes:
        version: a device takes none that is not above the one in force.
        keys: ids of the revoked ones: the first 8 bytes of PublicKey.sha256, hexadecimal.
        signatures: by id of the root key.
    """

    version: int
    keys: tuple[str, ...]
    signatures: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 1 <= self.version < 1 << 32:
            raise McueditError(f"version {self.version} of a list is not in 1..4294967295", "give another --version")
        if len(self.keys) > MOST_KEYS:
            what = f"{len(self.keys)} revoked keys: a device keeps {MOST_KEYS}"
            raise McueditError(what, "leave out those that no firmware trusts any more")

    @property
    def body(self) -> bytes:
        """What is signed."""
        return _HEAD.pack(MAGIC, self.version, len(self.keys)) + b"".join(map(bytes.fromhex, self.keys))

    @property
    def digest(self) -> bytes:
        """What a signature is over: the SHA-256 of `body`."""
        return sha256(self.body).digest()

    @property
    def data(self) -> bytes:
        """The file."""
        entries = (bytes.fromhex(who) + self.signatures[who] for who in sorted(self.signatures))
        return self.body + b"".join(entries)

    def signed(self, key: Any) -> Revocation:
        """With the signature of one more root.

        Args:
            key: as `keys.load_private` or `signer.external` returns it.

        Raises:
            McueditError: it has signed already, or is one that the list revokes.
        """
        from mcuedit.package.keys import public_half

        who = id_of(public_half(key))
        if who in self.signatures:
            raise McueditError(f"key {who} has signed this list already", "another root key has to sign")
        if who in self.keys:
            raise McueditError(f"key {who} is one that the list revokes", "a root key signs, and none of packages")
        if len(self.signatures) == MOST_ROOTS:
            raise McueditError(f"{MOST_ROOTS} root keys have signed: that is all that a device can have", "push it")
        return replace(self, signatures=self.signatures | {who: key.key.sign(self.digest)})


def revoking(keys: Sequence[PublicKey], version: int) -> Revocation:
    """A list that nobody has signed yet."""
    return Revocation(version, tuple(sorted({id_of(key) for key in keys})))


def id_of(key: PublicKey) -> str:
    """What a list calls a key: 16 hexadecimal digits."""
    return key.sha256[: 2 * ID]


def is_list(data: bytes) -> bool:
    """Whether a file is a list of revoked keys, and no package."""
    return data[: len(MAGIC)] == MAGIC


def parse(data: bytes, name: str = "the list") -> Revocation:
    """Reads a list, in its one form. Signatures are not checked: a device has the keys.

    Raises:
        McueditError: it is none.
    """
    if not is_list(data) or len(data) < _HEAD.size:
        raise McueditError(f"{name}: no list of revoked keys", _HINT)
    _, version, count = _HEAD.unpack_from(data)
    body = _HEAD.size + ID * count
    entries, rest = divmod(len(data) - body, _ENTRY)
    if rest or entries < 0 or entries > MOST_ROOTS or count > MOST_KEYS:
        raise McueditError(f"{name}: damaged: its length is not that of what it holds", _HINT)
    ids = [data[at : at + ID].hex() for at in range(_HEAD.size, body, ID)]
    found = {data[at : at + ID].hex(): data[at + ID : at + _ENTRY] for at in range(body, len(data), _ENTRY)}
    made = Revocation(version, tuple(ids), found)
    if made.data != data or sorted(set(ids)) != ids:
        raise McueditError(f"{name}: damaged: not in the form that a list has", _HINT)
    return made
