# SPDX-License-Identifier: Apache-2.0
"""Answers that a device proves to be its own (docs/spec/management.md, identity).

A request brings 16 random bytes; its answer ends with a proof over them, the device, the command and all of the answer
before it. What was read once is therefore no answer to anything else.
"""

from __future__ import annotations

import hmac
import os
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from smp.header import OP

from mcuedit.fleet.transport.authority.signing import Moment, digest, with_fields
from mcuedit.fleet.transport.protocol import key
from mcuedit.fleet.transport.refusals import GROUP

_DOMAIN = b"mcuA"
_HEADER, _NONCE = 8, 16
SIGNED, SHARED = "ed25519", "hmac-sha256"
_SIZES = {SIGNED: 64, SHARED: 32}


@dataclass(frozen=True)
class DeviceKey:
    """What a device's proofs are checked by.

    Attributes:
        kind: SIGNED, or SHARED.
        raw: the public key, or the secret that the device and its operator share.
    """

    kind: str
    raw: bytes

    def __str__(self) -> str:
        return f"{self.kind}:{self.raw.hex()}"

    def made(self, what: bytes, proof: bytes) -> bool:
        """Whether a proof of a digest is by this key."""
        if self.kind == SHARED:
            return hmac.compare_digest(hmac.digest(self.raw, what, "sha256"), proof)
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(proof, what)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True)
class Identity:
    """A device that answers by a key.

    Attributes:
        device, base: its id, and SHA-256 of its base, as it tells them.
    """

    device: str
    base: bytes
    key: DeviceKey

    def proves(self, request: bytes, answer: bytes) -> bool:
        """Whether an answer is this device's, and one to this very request."""
        size = _SIZES[self.key.kind]
        head = b"\x65" + key("proof").encode() + b"\x58" + bytes([size])
        at = len(answer) - 1 - size - len(head)
        if at < _HEADER or answer[-1:] != b"\xff" or answer[at : at + len(head)] != head:
            return False
        moment = Moment(self.base, self.device, sha256(request[_HEADER:]).digest()[:_NONCE])
        return self.key.made(digest(moment, request, answer[_HEADER:at], _DOMAIN), answer[-1 - size : -1])


def wants(request: Any) -> bool:
    """Whether the answer to a request can be proved."""
    return bool(request.header.op == OP.READ and request.header.group_id == GROUP)


def with_nonce(data: bytes) -> bytes:
    """A request whose answer is to be proved."""
    return with_fields(data, {key("nonce"): os.urandom(_NONCE)})
