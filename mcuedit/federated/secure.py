# SPDX-License-Identifier: Apache-2.0
"""Sums that no single contribution can be read from: pairwise masks, and how they are taken off when devices drop out.

Bonawitz et al., "Practical secure aggregation for privacy-preserving machine learning", 2017, with each client masking
towards a few neighbours on a ring (Bell et al., 2020) rather than towards all. A client adds to its integers, modulo
2^32, a mask of its own and one shared with each neighbour, added by one of the two and subtracted by the other. It
hands Shamir shares of both secrets to its neighbours. Of a client that answered, the neighbours reveal the shares of
its own mask; of one that dropped out, those of its key, never both: a late answer stays masked.

Key agreement, key derivation, key stream and secret sharing are those of `cryptography` and `pycryptodome`. This is the
simulation of honest parties in one process: channels between clients are not encrypted, and the server could lie about
who dropped out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import IntArray, UInt32Array

_HALF = 16  # bytes: what Shamir shares at a time
_KEY, _SEED = 0, 1


@dataclass(frozen=True)
class Group:
    """Who masks towards whom.

    Attributes:
        neighbours: of each client, how many; even.
        threshold: shares that rebuild a secret: more than half of the neighbours must answer.
    """

    clients: int
    neighbours: int
    threshold: int

    def of(self, client: int) -> list[int]:
        """The neighbours of a client on the ring."""
        half = self.neighbours // 2
        return [(client + step) % self.clients for step in (*range(-half, 0), *range(1, half + 1))]


def group(clients: int, neighbours: int = 20) -> Group:
    """A ring of clients; a small group masks everyone towards everyone, as far as an even number allows.

    Raises:
        McueditError: fewer than 3 clients: the sum of two tells each the other's.
    """
    if clients < 3:
        raise McueditError(f"secure aggregation of {clients} clients", "3 or more")
    even = min(neighbours, clients - 1) // 2 * 2
    return Group(clients, even, even // 2 + 1)


class Client:
    """One party: its secrets, and the shares it holds of its neighbours' secrets."""

    def __init__(self, number: int, members: Group) -> None:
        import secrets

        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

        self.number, self._group = number, members
        self._private = X25519PrivateKey.generate()
        self._seed = secrets.token_bytes(2 * _HALF)
        self._held: dict[tuple[int, int], tuple[int, list[bytes]]] = {}
        self.public = self._private.public_key().public_bytes_raw()

    def share(self) -> dict[int, tuple[tuple[int, list[bytes]], tuple[int, list[bytes]]]]:
        """By neighbour, a share of the private key and one of the own mask's seed."""
        members = self._group.of(self.number)
        keys = _split(self._private.private_bytes_raw(), self._group.threshold, len(members))
        seeds = _split(self._seed, self._group.threshold, len(members))
        return {member: (keys[i], seeds[i]) for i, member in enumerate(members)}

    def hold(self, owner: int, key: tuple[int, list[bytes]], seed: tuple[int, list[bytes]]) -> None:
        """Keeps a neighbour's shares."""
        self._held[owner, _KEY], self._held[owner, _SEED] = key, seed

    def masked(self, values: IntArray, publics: Mapping[int, bytes], round_number: int) -> UInt32Array:
        """Integers modulo 2^32 under masks: int64[n] -> uint32[n]."""
        total = np.asarray(values, np.int64).astype(np.uint32)
        total += _stream(self._seed, round_number, len(total))
        for member in self._group.of(self.number):
            total += _pairwise(self._private, self.number, member, publics[member], round_number, len(total))
        return total

    def reveal(self, owner: int, answered: bool) -> tuple[int, list[bytes]]:
        """The share that may be known now: of the seed if the owner answered, else of the key. Once, and only one."""
        shares = self._held.pop((owner, _SEED if answered else _KEY))
        self._held.pop((owner, _KEY if answered else _SEED), None)
        return shares


def total(clients: Sequence[Client], values: Mapping[int, IntArray], members: Group, round_number: int = 0) -> IntArray:
    """What the server finds out: the sum over the clients that answered, and nothing else.

    Args:
        clients: all that took part in the set-up, by number.
        values: int64[n] of those that answered; sums must stay within int32.

    Returns:
        int64[n], values of an int32.

    Raises:
        McueditError: too many neighbours of one client dropped out, so that its mask cannot be taken off.
    """
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    publics = {c.number: c.public for c in clients}
    for client in clients:
        for member, (key, seed) in client.share().items():
            clients[member].hold(client.number, key, seed)
    answers = {n: clients[n].masked(v, publics, round_number) for n, v in values.items()}
    if not answers:
        raise McueditError("every client dropped out", "start the round again")
    found = np.add.reduce(list(answers.values()), dtype=np.uint32)
    for owner in publics:
        alive = [n for n in members.of(owner) if n in answers]
        if owner not in answers and not alive:
            continue  # nobody masked towards it
        if len(alive) < members.threshold:
            raise McueditError(
                f"{len(alive)} of the {members.neighbours} neighbours of client {owner} answered, "
                f"{members.threshold} are needed",
                "start the round again, or mask towards more neighbours",
            )
        secret = _joined([clients[n].reveal(owner, owner in answers) for n in alive[: members.threshold]])
        if owner in answers:
            found -= _stream(secret, round_number, len(found))
        else:
            private = X25519PrivateKey.from_private_bytes(secret)
            for n in alive:  # what it would have added in return
                found += _pairwise(private, owner, n, publics[n], round_number, len(found))
    signed: IntArray = found.astype(np.int32).astype(np.int64)
    return signed


def _pairwise(private: Any, own: int, other: int, public: bytes, round_number: int, n: int) -> UInt32Array:
    """The mask that two clients share, negated for one of them: uint32[n]."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

    mask = _stream(private.exchange(X25519PublicKey.from_public_bytes(public)), round_number, n)
    return mask if own < other else np.negative(mask)


def _stream(secret: bytes, round_number: int, n: int) -> UInt32Array:
    """ChaCha20's key stream under a key derived from `secret` for this round: uint32[n]."""
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    key = HKDF(SHA256(), 32, None, b"mcuedit mask %d" % round_number).derive(secret)
    stream = Cipher(ChaCha20(key, bytes(16)), None).encryptor().update(bytes(4 * n))
    return np.frombuffer(stream, "<u4").astype(np.uint32)


def _split(secret: bytes, threshold: int, shares: int) -> list[tuple[int, list[bytes]]]:
    from Crypto.Protocol.SecretSharing import Shamir

    halves = [Shamir.split(threshold, shares, secret[i : i + _HALF]) for i in (0, _HALF)]
    return [(low[0], [low[1], high[1]]) for low, high in zip(*halves, strict=True)]


def _joined(shares: Sequence[tuple[int, list[bytes]]]) -> bytes:
    from Crypto.Protocol.SecretSharing import Shamir

    return b"".join(Shamir.combine([(x, parts[half]) for x, parts in shares]) for half in range(2))
