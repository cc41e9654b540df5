# SPDX-License-Identifier: Apache-2.0
"""SHA-256 and SHA-512 in C: published vectors of NIST, and hashlib for all that they leave out."""

from __future__ import annotations

import hashlib
import random

import pytest
from helpers.crypto import Crypto

# FIPS 180-4's own examples (csrc.nist.gov, "Examples with Intermediate Values").
EXAMPLES = {
    b"abc": (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
    ),
    b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq": (
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        "204a8fc6dda82f0a0ced7beb8e08a41657c16ef468b228a8279be331a703c335"
        "96fd15c13b1b07f9aa1d3bea57789ca031ad85c7a71dd70354ec631238ca3445",
    ),
    1_000_000 * b"a": (
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
        "e718483d0ce769644e2e42c7bc15b4638e1f98b13b2044285632a803afa973eb"
        "de0ff244877ea60a4cb0432ce577c31beb009c5c2c49aa2e4eadb217ad8cc09b",
    ),
}

# CAVP, SHA256ShortMsg, SHA256LongMsg and the same of SHA-512: bits of the hash, message, digest.
CAVP = [
    (
        256,
        "",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ),
    (
        256,
        "d3",
        "28969cdfa74a12c82f3bad960b0b000aca2ac329deea5c2328ebc6f2ba9802c1",
    ),
    (
        256,
        "11af",
        "5ca7133fa735326081558ac312c620eeca9970d1e70a4b95533d956f072d1f98",
    ),
    (
        256,
        "b4190e",
        "dff2e73091f6c05e528896c4c831b9448653dc2ff043528f6769437bc7b975c2",
    ),
    (
        256,
        (
            "451101250ec6f26652249d59dc974b7361d571a8101cdfd36aba3b5854d3ae086b5fdd4597721b66e3c0dc5d8c606d96"
            "57d0e323283a5217d1f53f2f284f57b85c8a61ac8924711f895c5ed90ef17745ed2d728abd22a5f7a13479a462d71b56"
            "c19a74a40b655c58edfe0a188ad2cf46cbf30524f65d423c837dd1ff2bf462ac4198007345bb44dbb7b1c861298cdf61"
            "982a833afc728fae1eda2f87aa2c9480858bec"
        ),
        "3c593aa539fdcdae516cdf2f15000f6634185c88f505b39775fb9ab137a10aa2",
    ),
    (
        512,
        "",
        (
            "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f"
            "63b931bd47417a81a538327af927da3e"
        ),
    ),
    (
        512,
        "21",
        (
            "3831a6a6155e509dee59a7f451eb35324d8f8f2df6e3708894740f98fdee23889f4de5adb0c5010dfb555cda77c8ab5d"
            "c902094c52de3278f35a75ebc25f093a"
        ),
    ),
    (
        512,
        "9083",
        (
            "55586ebba48768aeb323655ab6f4298fc9f670964fc2e5f2731e34dfa4b0c09e6e1e12e3d7286b3145c61c2047fb1a2a"
            "1297f36da64160b31fa4c8c2cddd2fb4"
        ),
    ),
    (
        512,
        "0a55db",
        (
            "7952585e5330cb247d72bae696fc8a6b0f7d0804577e347d99bc1b11e52f384985a428449382306a89261ae143c2f3fb"
            "613804ab20b42dc097e5bf4a96ef919b"
        ),
    ),
    (
        512,
        (
            "4f05600950664d5190a2ebc29c9edb89c20079a4d3e6bc3b27d75e34e2fa3d02768502bd69790078598d5fcf3d6779bf"
            "ed1284bbe5ad72fb456015181d9587d6e864c940564eaafb4f2fead4346ea09b6877d9340f6b82eb1515880872213da3"
            "ad88feba9f4f13817a71d6f90a1a17c43a15c038d988b5b29edffe2d6a062813cedbe852cde302b3e33b696846d2a8e3"
            "6bd680efcc6cd3f9e9a4c1ae8cac10cc5244d131677140399176ed46700019a004a163806f7fa467fc4e17b4617bbd76"
            "41aaff7ff56396ba8c08a8be100b33a20b5daf134a2aefa5e1c3496770dcf6baa4f7bb"
        ),
        (
            "a9db490c708cc72548d78635aa7da79bb253f945d710e5cb677a474efc7c65a2aab45bc7ca1113c8ce0f3c32e1399de9"
            "c459535e8816521ab714b2a6cd200525"
        ),
    ),
]


@pytest.fixture(scope="module")
def crypto(tmp_path_factory: pytest.TempPathFactory) -> Crypto:
    return Crypto(tmp_path_factory.mktemp("crypto"))


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: f"{len(message)}-bytes")
def test_examples_of_the_standard(crypto: Crypto, message: bytes) -> None:
    short, long = EXAMPLES[message]
    assert crypto.hash(256, message).hex() == short
    assert crypto.sha256_of(message).hex() == short
    assert crypto.hash(512, message).hex() == long


@pytest.mark.parametrize(("bits", "message", "digest"), CAVP)
def test_validation_vectors(crypto: Crypto, bits: int, message: str, digest: str) -> None:
    assert crypto.hash(bits, bytes.fromhex(message)).hex() == digest


@pytest.mark.parametrize("bits", [256, 512])
def test_every_length_around_a_block_and_every_cut(crypto: Crypto, bits: int) -> None:
    rng = random.Random(bits)
    for length in [*range(300), *(rng.randrange(300, 20_000) for _ in range(50))]:
        message = rng.randbytes(length)
        cuts = sorted(rng.randrange(length + 1) for _ in range(rng.randrange(4)))
        parts = [message[a:b] for a, b in zip([0, *cuts], [*cuts, length], strict=True)]
        wanted = hashlib.new(f"sha{bits}", message).digest()
        assert crypto.hash(bits, *parts) == wanted, (length, cuts)
        assert crypto.hash(bits, message) == wanted, length
