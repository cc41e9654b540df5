# SPDX-License-Identifier: Apache-2.0
"""firmware/crypto/mcuedit_psa.h against a stand-in of the PSA Crypto API with its own constants and signatures."""

from __future__ import annotations

import ctypes
import hashlib
from pathlib import Path

from helpers import packages
from helpers.crypto import crypto_sources, foreign_objects, needs_monocypher
from helpers.native import WARNINGS, includes, link

from mcuedit.build.external import monocypher

pytestmark = needs_monocypher
HERE = Path(__file__).parent


def test_the_callbacks_over_psa(tmp_path: Path) -> None:
    found = monocypher.find()
    flags = [*WARNINGS, *includes(), *found.flags, f"-I{HERE}"]
    sources, objects = [*crypto_sources(), HERE / "psa" / "stand_in.c"], foreign_objects(found, tmp_path)
    lib = ctypes.CDLL(str(link(tmp_path, sources, *flags, "-shared", "-fPIC", output="psa.so", libraries=objects)))
    digest = ctypes.create_string_buffer(32)
    lib.psa_sha256(b"abc", 3, digest)
    assert digest.raw == hashlib.sha256(b"abc").digest()
    signature = packages.key().key.sign(digest.raw)
    assert lib.psa_check(packages.public().raw, signature, digest, 32) == 0
    assert lib.psa_check(packages.public().raw, signature[:-1] + b"\0", digest, 32) != 0
    assert lib.psa_check(packages.public(1).raw, signature, digest, 32) != 0
    assert lib.psa_keys_left() == 0
