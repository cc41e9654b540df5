# SPDX-License-Identifier: Apache-2.0
"""firmware/crypto/mcuedit_psa.h against a stand-in of the PSA Crypto API with its own constants and keys.

What a device makes of it is in test_smp_identity.py.
"""

from __future__ import annotations

import ctypes
import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from helpers import packages
from helpers.crypto import needs_monocypher, psa

pytestmark = needs_monocypher
OWN = (ctypes.c_uint32 * 2)(11, 12)  # keys that the stand-in was provisioned with: of commands, of answers
REFUSED = -32  # E_AUTHORITY


@pytest.fixture(scope="module")
def lib(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return ctypes.CDLL(str(psa(tmp_path_factory.mktemp("psa"))))


def secret(name: str) -> bytes:
    return name.encode().ljust(32, b"\0")


def test_the_callbacks_of_trust(lib: ctypes.CDLL) -> None:
    digest = ctypes.create_string_buffer(32)
    lib.psa_sha256(b"abc", 3, digest)
    assert digest.raw == hashlib.sha256(b"abc").digest()
    signature = packages.key().key.sign(digest.raw)
    assert lib.psa_check(packages.public().raw, signature, digest, 32) == 0
    assert lib.psa_check(packages.public().raw, signature[:-1] + b"\0", digest, 32) != 0
    assert lib.psa_check(packages.public(1).raw, signature, digest, 32) != 0
    assert lib.psa_keys_left() == 0


def test_the_callbacks_of_authority(lib: ctypes.CDLL) -> None:
    digest, made = hashlib.sha256(b"a command").digest(), ctypes.create_string_buffer(64)
    assert lib.psa_mac(OWN, digest, made) == 0
    assert made.raw[:32] == hmac.digest(secret("of commands"), digest, "sha256")
    assert lib.psa_prove_mac(OWN, digest, made) == 32
    assert made.raw[:32] == hmac.digest(secret("of answers"), digest, "sha256")
    assert lib.psa_prove_ed25519((ctypes.c_uint32 * 2)(0, 13), digest, made) == 64
    Ed25519PrivateKey.from_private_bytes(secret("of signatures")).public_key().verify(made.raw, digest)
    assert lib.psa_random(OWN, made, 16) == 0
    assert made.raw[:16] == b"\xa5" * 16


def test_a_key_that_is_not_there_or_not_for_this_refuses(lib: ctypes.CDLL) -> None:
    wrong, digest, made = (ctypes.c_uint32 * 2)(13, 77), bytes(32), ctypes.create_string_buffer(64)
    assert lib.psa_mac(wrong, digest, made) == REFUSED
    assert lib.psa_prove_mac(wrong, digest, made) == REFUSED
    assert lib.psa_prove_ed25519(OWN, digest, made) == REFUSED
    assert lib.psa_random(OWN, made, 257) == REFUSED
