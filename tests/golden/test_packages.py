# SPDX-License-Identifier: Apache-2.0
"""Packages beside those that MCUboot's own command line makes of the same things, byte for byte.

`pytest tests/golden/test_packages.py --update-golden` has imgtool make expected_package anew.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization as s
from helpers import packages

from mcuedit.adapter.encoding import encode
from mcuedit.package import keys, open_package

EXPECTED = Path(__file__).with_name("expected_package")
KEY = EXPECTED / "TEST-KEY-NOT-SECRET.pem"
MODEL = packages.model()
NAME, VERSION, COUNTER = "fix", "1.2.0", 1
SIGNED = ("fact.mcu", "probed.mcu")


def imgtool(*arguments: str | Path) -> str:
    program = "from imgtool.main import imgtool; imgtool()"
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """The test key as a private key must lie: readable by its owner alone, which git does not keep."""
    path = tmp_path / "key.pem"
    shutil.copyfile(KEY, path)
    path.chmod(0o600)
    return path


def ours(name: str, signer: object) -> bytes:
    from mcuedit.package import Identity, seal

    return seal(
        encode(packages.fact(), MODEL),
        Identity(NAME, VERSION, COUNTER, MODEL.sha256),
        manifest=packages.MANIFEST,
        key=signer,
        self_tests=packages.self_tests(MODEL, packages.fact()) if name == "probed.mcu" else (),
    )


def theirs(name: str, key: Path, folder: Path) -> bytes:
    from mcuedit.package import self_test

    payload, made = folder / "payload.bin", folder / name
    self_tests = packages.self_tests(MODEL, packages.fact()) if name == "probed.mcu" else ()
    payload.write_bytes(encode(packages.fact(), MODEL) + self_test.encode(self_tests))
    manifest = hashlib.sha256(packages.MANIFEST).hexdigest() + NAME.encode().hex()
    layout = ["--non-bootable", "--pad-header", "--header-size", "32", "--slot-size", "0x10000", "--align", "4"]
    custom = ["--custom-tlv", "0xA0", f"0x{MODEL.sha256}", "--custom-tlv", "0xA1", f"0x{manifest}"]
    imgtool("sign", *layout, "-v", VERSION, "-s", str(COUNTER), *custom, "-k", key, payload, made)
    return made.read_bytes()


@pytest.mark.parametrize("name", SIGNED)
def test_as_the_command_line_makes_it(name: str, key: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    made = theirs(name, key, tmp_path)
    if request.config.getoption("--update-golden"):
        (EXPECTED / name).write_bytes(made)
    expected = (EXPECTED / name).read_bytes()
    assert made == expected
    assert ours(name, keys.load_private(key)) == expected


@pytest.mark.parametrize("name", SIGNED)
def test_the_command_line_reads_it(name: str, key: Path, tmp_path: Path) -> None:
    file, public = tmp_path / name, tmp_path / "key.pub"
    file.write_bytes(ours(name, packages.key()))
    public.write_bytes(packages.public().imgtool().get_public_pem())
    found = open_package(file.read_bytes(), [packages.public()], model=MODEL)
    for signer in (key, public):
        told = imgtool("verify", "-k", signer, file)
        assert "Image was correctly validated" in told
        assert found.digest in told
    dump = imgtool("dumpinfo", file)
    assert [line.split("(")[1][:-1] for line in dump.splitlines() if "type: " in line] == [
        *("0x50", "0xa0", "0xa1", "0x10", "0x1", "0x24")
    ]
    assert "NON_BOOTABLE (0x10)" in dump
    assert "version:            1.2.0+0" in dump


def test_the_test_key_is_the_one_of_the_helpers() -> None:
    private = s.load_pem_private_key(KEY.read_bytes(), None)
    assert private.private_bytes_raw() == packages.key().key.private_bytes_raw()
