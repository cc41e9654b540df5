# SPDX-License-Identifier: Apache-2.0
"""Signed packages for small bases, made in milliseconds. The keys here are known to everybody: never trust them."""

from __future__ import annotations

import base64
import hashlib
from functools import cache

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from imgtool.keys import Ed25519

from helpers import deltas, tiny
from mcuedit.adapter.delta import Adapter
from mcuedit.adapter.encoding import encode
from mcuedit.adapter.forward import Trace, answers, logits_tensor, with_deltas
from mcuedit.model import ops
from mcuedit.model.tflite import Model, parse
from mcuedit.package import Identity, SelfTest, seal
from mcuedit.package.keys import PublicKey
from mcuedit.package.self_test import CHANGED, UNCHANGED, sparse

MANIFEST = b'{"format":1,"for":"tests"}'


def key(seed: int = 0) -> Ed25519:
    """A signing key that depends on `seed` alone."""
    return Ed25519(Ed25519PrivateKey.from_private_bytes(b"mcuedit test key, not secret" + seed.to_bytes(4, "big")))


def public(seed: int = 0) -> PublicKey:
    """Its public half: `.raw` (32 bytes), `.sha256`."""
    return PublicKey(key(seed).key.public_key().public_bytes_raw())


@cache
def model(seed: int = 0) -> Model:
    """A classifier 16-8-6 with SOFTMAX, int8, zero point of the input 0; another base for every seed."""
    return parse(tiny.classifier(seed=seed), "tiny")


def windowed(of: Model | None = None) -> Adapter:
    """An adapter whose A has windows, in 8 and in 4 bits."""
    of = of or model()
    made = deltas.delta(of, 0, 0, rank=2, width=4), deltas.delta(of, 0, 1, bits=4, width=8)
    return deltas.adapter(of, *made, name="windows")


def fact(of: Model | None = None, *, seed: int = 0, name: str = "fix", labels: dict[int, str] | None = None) -> Adapter:
    """A gated rank-1 adapter with 4-bit A on ops 0 -> 1 of `model`: what one fact takes."""
    of = of or model()
    return deltas.adapter(of, deltas.delta(of, 0, 1, bits=4, seed=seed), name=name, labels=labels)


def package(
    of: Model | None = None,
    *,
    adapter: Adapter | None = None,
    payload: bytes | None = None,
    name: str = "fix",
    version: str = "1.2.0",
    counter: int = 1,
    signer: int = 0,
    seed: int = 0,
    base_sha256: str = "",
    self_tests: tuple[SelfTest, ...] = (),
) -> bytes:
    """A signed package.

    Args:
        adapter: of `fact(of, seed=seed)` if not given.
        payload: device bytes instead of an adapter, whatever they are.
        signer: seed of the key.
        base_sha256: what the container says its base is; that of `of` if not given.
    """
    of = of or model()
    return seal(
        payload if payload is not None else encode(adapter or fact(of, seed=seed), of),
        Identity(name, version, counter, base_sha256 or of.sha256),
        manifest=MANIFEST,
        key=key(signer),
        self_tests=self_tests,
    )


def answer(of: Model, adapters: list[Adapter], x: np.ndarray) -> np.ndarray:
    """Classes that a device answers: int8[n, *input] -> int64[n], all by numpy."""
    values = {of.inputs[0]: x.reshape(len(x), *of.input.shape)}
    for op in of.ops:
        values[op.outputs[0]] = ops.operator(of, op).forward(*(values[t] for t in of.sources(op)))
    moved = with_deltas(of, [d for a in adapters for d in a.deltas], Trace(values))
    return answers(moved.values[logits_tensor(of)])


def self_tests(of: Model, adapter: Adapter, *, lie: bool = False) -> tuple[SelfTest, ...]:
    """An input whose answer `adapter` changes and one whose answer it leaves; with `lie`, the first expects another."""
    rng = np.random.default_rng(5)
    x = rng.integers(-128, 128, (256, of.input.size)).astype(np.int8)
    before, after = answer(of, [], x), answer(of, [adapter], x)
    changed, same = int(np.flatnonzero(before != after)[0]), int(np.flatnonzero(before == after)[0])
    wanted = int(before[changed]) if lie else int(after[changed])
    zero = of.input.zero
    return (sparse(x[changed], zero, CHANGED, wanted), sparse(x[same], zero, UNCHANGED, int(before[same])))


def hashed(content: bytes) -> dict[str, str]:
    """A manifest in a line of an exported registry."""
    return {"sha256": hashlib.sha256(content).hexdigest(), "json": base64.b64encode(content).decode()}
