# SPDX-License-Identifier: Apache-2.0
"""Private keys are for their owner alone, from the first byte on, and are never shown."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization as s
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from mcuedit import cli
from mcuedit._util.errors import McueditError
from mcuedit.build import compilers
from mcuedit.package import keys

posix = pytest.mark.skipif(os.name != "posix", reason="no modes of files here")


def pem(key, password: bytes | None = None) -> bytes:
    lock = s.BestAvailableEncryption(password) if password else s.NoEncryption()
    return key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, lock)


def secret(path: Path, data: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(data)
    path.chmod(mode)
    return path


def test_a_pair_is_made_and_read_back(tmp_path):
    made = keys.generate(tmp_path / "deep" / "key.pem")
    private, public = tmp_path / "deep" / "key.pem", tmp_path / "deep" / "key.pub"
    assert keys.load_public(public) == keys.load_public(private) == made
    assert made.der == bytes.fromhex("302a300506032b6570032100") + made.raw
    assert made.sha256 == hashlib.sha256(made.der).hexdigest()
    signature = keys.load_private(private).sign_digest(b"x" * 32)
    made.imgtool().verify_digest(signature, b"x" * 32)
    assert keys.generate(tmp_path / "other.pem") != made


@posix
def test_only_the_owner_ever_can_read_it(tmp_path):
    """Looked at by the system calls: the file is created with its mode, whatever the umask."""
    old = os.umask(0)
    try:
        keys.generate(tmp_path / "key.pem")
    finally:
        os.umask(old)
    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600


@posix
def test_the_mode_is_there_before_the_first_byte(tmp_path, monkeypatch):
    seen = []
    real = os.fdopen

    def spy(handle, *args, **kwargs):
        stat = os.fstat(handle)
        seen.append((stat.st_mode & 0o777, stat.st_size))
        return real(handle, *args, **kwargs)

    monkeypatch.setattr(os, "fdopen", spy)
    keys.generate(tmp_path / "key.pem")
    assert seen[0] == (0o600, 0)


def test_nothing_is_overwritten(tmp_path):
    path = tmp_path / "key.pem"
    keys.generate(path)
    before = path.read_bytes()
    with pytest.raises(McueditError, match=r"key\.pem: exists already"):
        keys.generate(path)
    assert path.read_bytes() == before
    path.unlink()
    with pytest.raises(McueditError, match=r"key\.pub: exists already"):
        keys.generate(path)
    assert not path.exists()
    path.symlink_to(tmp_path / "elsewhere")
    (tmp_path / "key.pub").unlink()
    with pytest.raises(McueditError, match="exists already"):
        keys.generate(path)
    assert not (tmp_path / "elsewhere").exists()


def test_half_a_pair_is_none(tmp_path, monkeypatch):
    real = keys._create

    def fails(path, data, mode):
        if path.suffix == ".pub":
            raise OSError(28, "No space left on device", str(path))
        real(path, data, mode)

    monkeypatch.setattr(keys, "_create", fails)
    with pytest.raises(McueditError, match="No space left"):
        keys.generate(tmp_path / "key.pem")
    assert list(tmp_path.iterdir()) == []


@posix
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o620])
def test_a_key_that_others_may_read_is_refused(tmp_path, mode):
    path = tmp_path / "key.pem"
    keys.generate(path)
    path.chmod(mode)
    for load in (keys.load_private, keys.load_public):
        with pytest.raises(McueditError, match=f"others may read .*{mode:04o}") as caught:
            load(path)
        assert f"chmod 600 {path}" in caught.value.hint


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (pem(ec.generate_private_key(ec.SECP256R1())), "another kind than Ed25519"),
        (pem(rsa.generate_private_key(65537, 2048)), "another kind than Ed25519"),
        (pem(ed25519.Ed25519PrivateKey.generate(), b"secret"), "has a password"),
        (b"", "no key in PEM"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no key in PEM"),
        (bytes(range(256)), "no key in PEM"),
    ],
)
def test_what_is_no_key_of_ours(tmp_path, data, message):
    path = secret(tmp_path / "key.pem", data)
    for load in (keys.load_private, keys.load_public):
        with pytest.raises(McueditError, match=message):
            load(path)


def test_a_public_key_signs_nothing(tmp_path):
    keys.generate(tmp_path / "key.pem")
    with pytest.raises(McueditError, match="a public key cannot sign"):
        keys.load_private(tmp_path / "key.pub")
    with pytest.raises(McueditError, match="No such file"):
        keys.load_private(tmp_path / "none.pem")


def test_keygen_shows_the_hash_and_never_the_key(tmp_path, capfd):
    path = tmp_path / "key.pem"
    assert cli.invoke(["keygen", "-o", str(path)]) == 0
    assert cli.invoke(["keygen", "--public", str(path)]) == 0
    assert cli.invoke(["keygen", "--public", str(path), "--json"]) == 0
    shown = "".join(capfd.readouterr())
    private = s.load_pem_private_key(path.read_bytes(), None)
    raw = private.private_bytes_raw()
    body = path.read_text().splitlines()[1]
    assert raw.hex() not in shown
    assert body not in shown
    assert shown.count(keys.load_public(path).sha256) == 3
    assert cli.invoke(["keygen", "-o", str(path)]) == 2
    assert cli.invoke(["keygen"]) == 2
    assert cli.invoke(["keygen", "--c", str(tmp_path / "k.h")]) == 2


def test_public_keys_as_c(tmp_path, capfd):
    paths = [tmp_path / f"{name}.pem" for name in "ab"]
    made = [keys.generate(path) for path in paths]
    public = [str(path.with_suffix(".pub")) for path in paths]
    header = tmp_path / "keys.h"
    command = ["keygen", "--public", public[0], "--public", public[1], "--c", str(header), "--json"]
    assert cli.invoke(command) == 0
    assert json.loads(capfd.readouterr().out)["raw"] == [key.raw.hex() for key in made]
    main = tmp_path / "main.c"
    main.write_text(
        '#include <stdio.h>\n#include "keys.h"\n'
        "int main(void) { return fwrite(mcuedit_keys, 32, MCUEDIT_KEY_COUNT, stdout) != MCUEDIT_KEY_COUNT; }\n"
    )
    app = tmp_path / "app"
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"]
    compilers.find_host_compiler().run([*flags, "main.c", "-o", str(app)], tmp_path)
    assert subprocess.run([app], check=True, capture_output=True).stdout == made[0].raw + made[1].raw
    assert cli.invoke(["keygen", "--public", public[0], "--public", public[0], "--c", str(header)]) == 2


def test_operators_stand_beside_the_keys_of_packages(tmp_path):
    key, operator = (keys.generate(tmp_path / f"{name}.pem") for name in "ab")
    text = keys.c_header([key], [operator])
    assert "#define MCUEDIT_KEY_COUNT 1\n" in text
    assert "#define MCUEDIT_OPERATOR_COUNT 1\n" in text
    assert text.index("mcuedit_keys[") < text.index(key.sha256) < text.index("mcuedit_operators[")
    assert text.index("mcuedit_operators[") < text.index(operator.sha256)
    assert "mcuedit_keys[" not in keys.c_header([], [operator])
    header = tmp_path / "keys.h"
    public = [str(tmp_path / f"{name}.pub") for name in "ab"]
    assert cli.invoke(["keygen", "--public", public[0], "--operator", public[1], "--c", str(header)]) == 0
    assert header.read_text() == text


def test_imgtool_reads_our_keys(tmp_path):
    made = keys.generate(tmp_path / "key.pem")
    command = [sys.executable, "-c", "from imgtool.main import imgtool; imgtool()"]
    arguments = ["getpubhash", "-k", str(tmp_path / "key.pem"), "-e", "raw", "-o", str(tmp_path / "hash")]
    subprocess.run([*command, *arguments], check=True)
    assert (tmp_path / "hash").read_bytes().hex() == made.sha256
