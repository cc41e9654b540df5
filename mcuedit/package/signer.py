# SPDX-License-Identifier: Apache-2.0
"""Keys that are not files of this machine: a program of the user's makes the signature.

The program gets the digest, 32 bytes, on its stdin and writes the Ed25519 signature of them, 64 bytes, to its stdout.
pkcs11-tool does so as it is; whatever else holds the key takes a script of a line or two.
"""

from __future__ import annotations

import shlex
import subprocess
from typing import TYPE_CHECKING

from mcuedit._util.errors import McueditError
from mcuedit.package.keys import PublicKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from imgtool.keys import Ed25519

SIZE = 64
_WAIT = 120.0  # seconds: somebody may have to touch a token
_HINT = "it gets the digest, 32 bytes, on stdin, and writes the signature, 64 bytes, to stdout; nothing else"


def external(command: str, public: PublicKey) -> Ed25519:
    """A key as imgtool knows it, whose private half only `command` can use.

    Raises:
        McueditError: the command is no command line.
    """
    from imgtool.keys import Ed25519

    return Ed25519(_External(_argv(command), public))


class _External:
    """What imgtool uses of a private key."""

    def __init__(self, argv: list[str], public: PublicKey) -> None:
        self._argv, self._public = argv, public

    def public_key(self) -> Ed25519PublicKey:
        return self._public.imgtool().key  # type: ignore[no-any-return] # imgtool has no types

    def sign(self, data: bytes) -> bytes:
        return sign(self._argv, data, self._public)


def sign(argv: list[str], digest: bytes, public: PublicKey) -> bytes:
    """What a program makes of a digest, if it is the signature of that key.

    Raises:
        McueditError: the program cannot be run, fails, or gives something else.
    """
    from cryptography.exceptions import InvalidSignature

    try:
        done = subprocess.run(argv, input=digest, capture_output=True, check=False, timeout=_WAIT)
    except subprocess.TimeoutExpired as error:
        raise McueditError(f"signer {argv[0]}: no signature within {_WAIT:.0f} seconds", _HINT) from error
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or error
        raise McueditError(f"signer {argv[0]}: cannot be run ({said})", "give a program, and its arguments") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()[-500:] or "it says nothing"
        raise McueditError(f"signer {argv[0]}: exit code {done.returncode}: {said}", _HINT)
    if len(done.stdout) != SIZE:
        raise McueditError(f"signer {argv[0]}: {len(done.stdout):,} bytes, a signature has {SIZE}", _HINT)
    try:
        public.imgtool().verify_digest(done.stdout, digest)
    except InvalidSignature:
        what = f"signer {argv[0]}: its signature is not one of key {public.sha256[:16]}"
        raise McueditError(what, "give the public key of the one that it signs with as --key") from None
    return done.stdout


def _argv(command: str) -> list[str]:
    try:
        argv = shlex.split(command)
    except ValueError as error:
        raise McueditError(f"signer {command!r}: no command line ({error})", "quote it as a shell does") from error
    if not argv:
        raise McueditError("an empty signer", _HINT)
    return argv
