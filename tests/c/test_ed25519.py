# SPDX-License-Identifier: Apache-2.0
"""Ed25519 in C, over Monocypher: RFC 8032's vectors, and the `cryptography` package (OpenSSL) on what is wrong."""

from __future__ import annotations

import hashlib
import random

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from helpers.crypto import Crypto, needs_monocypher

pytestmark = needs_monocypher

L = 2**252 + 27742317777372353535851937790883648493  # order of the base point
# RFC 8032, section 7.1: secret key, message; the signature is that of the key, which `cryptography` makes anew.
RFC8032 = {
    "test 1": (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    "test 2": (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    "test 3": (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
    "test SHA(abc)": (
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        hashlib.sha512(b"abc").hexdigest(),
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ),
}


@pytest.fixture(scope="module")
def crypto(tmp_path_factory: pytest.TempPathFactory) -> Crypto:
    return Crypto(tmp_path_factory.mktemp("crypto"))


def signed(rng: random.Random) -> tuple[bytes, bytes, bytes]:
    """Key, signature, message."""
    secret = Ed25519PrivateKey.from_private_bytes(rng.randbytes(32))
    message = rng.randbytes(rng.randrange(300))
    return secret.public_key().public_bytes_raw(), secret.sign(message), message


def openssl(key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


@pytest.mark.parametrize("name", RFC8032)
def test_vectors(crypto: Crypto, name: str) -> None:
    secret, message, signature = (bytes.fromhex(part) for part in RFC8032[name])
    key = Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()
    assert crypto.verifies(key, signature, message)
    assert not crypto.verifies(key, signature, message + b"\0")


@pytest.mark.parametrize("name", RFC8032)
def test_vectors_are_signed(crypto: Crypto, name: str) -> None:
    secret, message, signature = (bytes.fromhex(part) for part in RFC8032[name])
    assert crypto.public(secret) == Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()
    assert crypto.sign(secret, message) == signature


def test_random_messages_are_signed_as_openssl_does(crypto: Crypto) -> None:
    rng = random.Random(5)
    for _ in range(200):
        secret, message = rng.randbytes(32), rng.randbytes(rng.randrange(300))
        assert crypto.sign(secret, message) == Ed25519PrivateKey.from_private_bytes(secret).sign(message)


def test_random_signatures(crypto: Crypto) -> None:
    rng = random.Random(1)
    for _ in range(200):
        assert crypto.verifies(*signed(rng))


def test_every_bit_of_signature_and_key(crypto: Crypto) -> None:
    key, signature, message = signed(random.Random(2))
    for bit in range(8 * len(signature)):
        changed = bytearray(signature)
        changed[bit // 8] ^= 1 << bit % 8
        assert not crypto.verifies(key, bytes(changed), message), bit
    for bit in range(8 * len(key)):
        changed = bytearray(key)
        changed[bit // 8] ^= 1 << bit % 8
        assert not crypto.verifies(bytes(changed), signature, message), bit


def test_damaged_ones_are_judged_as_openssl_does(crypto: Crypto) -> None:
    rng = random.Random(3)
    for _ in range(300):
        parts = [bytearray(part) for part in signed(rng)]
        part = rng.choice([part for part in parts if part])
        for _ in range(rng.choice((0, 1, 2, 8))):
            part[rng.randrange(len(part))] ^= rng.randrange(256)
        given = tuple(map(bytes, parts))
        assert crypto.verifies(*given) == openssl(*given), given


@pytest.mark.parametrize("times", range(1, 15))
def test_s_beyond_the_order(crypto: Crypto, times: int) -> None:
    """S + k L solves the same equation: it is refused, or every package would have other signatures, too."""
    key, signature, message = signed(random.Random(4))
    s = int.from_bytes(signature[32:], "little") + times * L
    forged = signature[:32] + s.to_bytes(32, "little")
    assert not crypto.verifies(key, forged, message)
    assert not openssl(key, forged, message)


def test_not_on_the_curve(crypto: Crypto) -> None:
    key, signature, message = signed(random.Random(5))
    nowhere = (2).to_bytes(32, "little")  # y = 2 has no x
    assert not crypto.verifies(nowhere, signature, message)
    assert not crypto.verifies(key, nowhere + signature[32:], message)


def test_a_key_of_small_order_signs_anything(crypto: Crypto) -> None:
    """As in RFC 8032, which Monocypher follows: no key of that kind comes from `mcuedit keygen`; trust none."""
    neutral = (1).to_bytes(32, "little")
    assert crypto.verifies(neutral, neutral + bytes(32), b"anything")
