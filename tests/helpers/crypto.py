# SPDX-License-Identifier: Apache-2.0
"""firmware/crypto as a shared library of this machine; Monocypher is used where it is, never fetched."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from helpers.native import WARNINGS, includes, link
from mcuedit._util import resources
from mcuedit.build import compilers
from mcuedit.build.external import monocypher

needs_monocypher = pytest.mark.skipif(
    monocypher.present() is None, reason="Monocypher's sources are not here: `make sources` fetches them"
)


def crypto_sources(*, signatures: bool = True) -> list[Path]:
    """The hand-written C, without Ed25519 if not `signatures`."""
    return sorted(
        path
        for path in (resources.path("firmware") / "crypto").glob("*.c")
        if signatures or path.stem.startswith("sha")
    )


def foreign_objects(found: monocypher.Monocypher, folder: Path) -> list[str]:
    """Objects of Monocypher, for libraries."""
    flags = [*monocypher.SOURCE_FLAGS, "-O2", "-fPIC", *found.flags]
    for source in found.sources:
        arguments = [*flags, "-c", str(source), "-o", f"{source.stem}.o"]
        compilers.find_host_compiler().compile(arguments, folder)
    return [f"{source.stem}.o" for source in found.sources]


def psa(folder: Path) -> Path:
    """firmware/crypto/mcuedit_psa.h over a stand-in of the PSA Crypto API, as a library."""
    here, found = Path(__file__).parents[1] / "c", monocypher.find()
    flags = [*WARNINGS, *includes(), *found.flags, f"-I{here}"]
    sources, objects = [*crypto_sources(), here / "psa" / "stand_in.c"], foreign_objects(found, folder)
    return link(folder, sources, *flags, "-shared", "-fPIC", output="psa.so", libraries=objects)


class Crypto:
    """The hashes, and, where Monocypher is, signatures."""

    def __init__(self, folder: Path) -> None:
        found = monocypher.present()
        objects = foreign_objects(found, folder) if found else []
        own = [*WARNINGS, "-O1", "-shared", "-fPIC", *includes(), *(found.flags if found else ())]
        sources = crypto_sources(signatures=found is not None)
        self.lib = ctypes.CDLL(str(link(folder, sources, *own, output="crypto.so", libraries=objects)))

    def hash(self, bits: int, *parts: bytes) -> bytes:
        """SHA-256 or SHA-512 of the parts, one update each."""
        state = ctypes.create_string_buffer(512)
        digest = ctypes.create_string_buffer(bits // 8)
        getattr(self.lib, f"mcuedit_sha{bits}_init")(state)
        for part in parts:
            getattr(self.lib, f"mcuedit_sha{bits}_update")(state, part, len(part))
        getattr(self.lib, f"mcuedit_sha{bits}_final")(state, digest)
        return digest.raw

    def sha256_of(self, data: bytes) -> bytes:
        """At once."""
        digest = ctypes.create_string_buffer(32)
        self.lib.mcuedit_sha256_of(None, data, len(data), digest)
        return digest.raw

    def public(self, secret: bytes) -> bytes:
        """The Ed25519 key of a secret."""
        key = ctypes.create_string_buffer(32)
        self.lib.mcuedit_ed25519_public(secret, key)
        return key.raw

    def sign(self, secret: bytes, message: bytes) -> bytes:
        """Its signature."""
        signature = ctypes.create_string_buffer(64)
        self.lib.mcuedit_ed25519_sign(secret, message, len(message), signature)
        return signature.raw

    def verifies(self, key: bytes, signature: bytes, message: bytes) -> bool:
        """Whether an Ed25519 signature is good."""
        return bool(self.lib.mcuedit_ed25519_check(None, key, signature, message, len(message)) == 0)
