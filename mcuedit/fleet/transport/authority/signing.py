# SPDX-License-Identifier: Apache-2.0
"""What a signature of a command is over, and where it stands in a request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

import cbor2

from mcuedit.fleet.transport.protocol import key

_DOMAIN = b"mcuC"
_HEADER, _LENGTH = 8, slice(2, 4)
_OP = 7  # bits of a header's first byte
_MAP, _FEW = 0xA0, 23  # a CBOR map of fewer pairs than that says their number in its first byte
_ID = 16
WITHIN = 1000  # requests that a device may handle between giving its nonce and obeying


@dataclass(frozen=True)
class Moment:
    """The device that a command is for, and when.

    Attributes:
        base: SHA-256 of its base, as it tells it.
        device: its id.
        nonce: that it gave.
    """

    base: bytes
    device: str
    nonce: bytes


def digest(moment: Moment, head: bytes, body: bytes, domain: bytes = _DOMAIN) -> bytes:
    """What is signed.

    Args:
        head: the first 8 bytes of the request.
        body: the request's map up to the first byte of the signature.
        domain: 4 bytes that keep apart what is signed for different ends.
    """
    kind = bytes([head[0] & _OP]) + head[4:6] + head[7:8]
    who = moment.base.ljust(32, b"\0") + moment.device.encode().ljust(_ID, b"\0")
    return sha256(domain + who + moment.nonce + kind + sha256(body).digest()).digest()


def signed(message: bytes, moment: Moment, sign: Callable[[bytes], bytes], size: int, within: int = WITHIN) -> bytes:
    """A request with its signature.

    Args:
        message: header and a map of few fields.
        sign: makes the signature, of `size` bytes, of a digest.
        within: requests that the device may handle first.
    """
    body = _added(message[_HEADER:], {key("auth"): within.to_bytes(4, "little") + bytes(size)})
    head = with_length(message[:_HEADER], len(body))
    body = body[:-size]
    return head + body + sign(digest(moment, head, body))


def with_fields(message: bytes, fields: dict[str, object]) -> bytes:
    """A request with more fields, behind the others."""
    body = _added(message[_HEADER:], fields)
    return with_length(message[:_HEADER], len(body)) + body


def with_length(head: bytes, length: int) -> bytes:
    """A header for a map of so many bytes."""
    return head[: _LENGTH.start] + length.to_bytes(2, "big") + head[_LENGTH.stop :]


def _added(body: bytes, more: dict[str, object]) -> bytes:
    """A map with pairs at its end."""
    count = (body[0] if body else _MAP) - _MAP
    if not 0 <= count <= _FEW - len(more):
        raise ValueError(f"no map of few fields: {body[:1].hex()}")
    added = b"".join(cbor2.dumps(name) + cbor2.dumps(value) for name, value in more.items())
    return bytes([_MAP + count + len(more)]) + body[1:] + added
