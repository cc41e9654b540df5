# SPDX-License-Identifier: Apache-2.0
"""Keys with a password, and keys that only a program of the user's can use."""

from __future__ import annotations

import contextlib
import os
import pty
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import packages
from helpers.waiting import WAIT

from mcuedit import cli
from mcuedit._util.errors import McueditError
from mcuedit.adapter import folder
from mcuedit.package import keys, open_package, passwords, signer

MODEL = packages.model()
SIGNS = """
import sys
from cryptography.hazmat.primitives.serialization import load_pem_private_key
digest = sys.stdin.buffer.read()
assert len(digest) == 32
key = load_pem_private_key(open(sys.argv[1], "rb").read(), None)
sys.stdout.buffer.write(key.sign(digest))
"""
MODULES = [Path(p) for p in ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")]


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MCUEDIT_REGISTRY", str(tmp_path / "registry.sqlite"))
    monkeypatch.delenv(passwords.VARIABLE, raising=False)
    (tmp_path / "tiny.tflite").write_bytes(MODEL.data)
    folder.save(packages.fact(), "fix")
    return tmp_path


def pack(*key: str) -> int:
    return cli.invoke(["pack", "fix", "--base", "tiny.tflite", "--version", "1.0.0", *key, "-o", "fix.mcu"])


def opened(key: str = "key.pub") -> object:
    return open_package(Path("fix.mcu").read_bytes(), [keys.load_public(Path(key))], model=MODEL)


def test_a_key_with_a_password_signs_with_it_from_the_environment(monkeypatch, capsys):
    monkeypatch.setenv(passwords.VARIABLE, "geheim \u00fc")
    assert cli.invoke(["keygen", "-o", "key.pem", "--password"]) == 0
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in Path("key.pem").read_bytes()
    assert pack("--key", "key.pem") == 0
    assert opened()
    told = capsys.readouterr()
    assert "geheim" not in told.out + told.err
    monkeypatch.setenv(passwords.VARIABLE, "another")
    assert pack("--key", "key.pem") == cli.BAD_INPUT
    assert "key.pem: the password is another one" in capsys.readouterr().err
    monkeypatch.delenv(passwords.VARIABLE)
    assert pack("--key", "key.pem") == cli.BAD_INPUT
    assert passwords.VARIABLE in capsys.readouterr().err


def test_an_encrypted_key_that_is_damaged_is_no_traceback(monkeypatch):
    monkeypatch.setenv(passwords.VARIABLE, "x")
    keys.generate(Path("key.pem"), b"x")
    text = Path("key.pem").read_bytes()
    for at in range(0, len(text), 5):
        Path("key.pem").write_bytes(text[:at] + b"A" + text[at + 1 :])
        with contextlib.suppress(McueditError):
            keys.load_private(Path("key.pem"))


def typed(*lines: str, arguments: tuple[str, ...]) -> tuple[int, str]:
    """Exit code and what a terminal showed of a command at which these lines are typed."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-m", "mcuedit", *arguments])
    shown = b""
    todo = list(lines)
    while True:
        try:
            some = os.read(terminal, 4096)
        except OSError:
            break
        if not some:
            break
        shown += some
        if todo and shown.rstrip(b" ").endswith(b":"):
            os.write(terminal, todo.pop(0).encode() + b"\n")
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()


@pytest.mark.skipif(os.name != "posix", reason="no terminals here")
def test_a_password_is_typed_at_a_terminal_and_not_shown(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(cli.__file__).parents[2]))
    code, shown = typed("geheim", "geheim", arguments=("keygen", "-o", "key.pem", "--password"))
    assert (code, "geheim" in shown) == (0, False), shown
    arguments = ("pack", "fix", "--base", "tiny.tflite", "--version", "1.0.0", "--key", "key.pem", "-o", "fix.mcu")
    code, shown = typed("geheim", arguments=arguments)
    assert (code, "geheim" in shown) == (0, False), shown
    assert opened()
    code, shown = typed("one", "two", arguments=("keygen", "-o", "other.pem", "--password"))
    assert (code, "passwords differ" in shown, Path("other.pem").exists()) == (2, True, False), shown
    code, shown = typed("", arguments=("keygen", "-o", "other.pem", "--password"))
    assert (code, "empty password" in shown) == (2, True), shown


def command(*argv: str) -> str:
    return shlex.join([sys.executable, *argv])


def test_a_program_signs_and_the_package_is_the_same_as_with_the_key(capfd):
    keys.generate(Path("key.pem"))
    Path("sign.py").write_text(SIGNS)
    Path("key.pub").rename("only.pub")
    assert pack("--key", "only.pub", "--signer", command("sign.py", "key.pem"), "--counter", "7") == 0
    by_program = Path("fix.mcu").read_bytes()
    assert opened("only.pub")
    assert pack("--key", "key.pem", "--counter", "7") == 0
    assert Path("fix.mcu").read_bytes() == by_program


BAD = {
    "nothing": ("-c", ""),
    "too little": ("-c", "print(end='x' * 63)"),
    "too much": ("-c", "print(end='x' * 65)"),
    "another signature": ("-c", "print(end='x' * 64)"),
    "a failure": ("-c", "import sys; sys.exit('\x1b[31mno token')"),
    "another key": ("sign.py", "other.pem"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_program_that_does_not_sign_makes_no_package(what, capsys):
    keys.generate(Path("key.pem"))
    keys.generate(Path("other.pem"))
    Path("sign.py").write_text(SIGNS)
    assert pack("--key", "key.pub", "--signer", command(*BAD[what])) == cli.BAD_INPUT
    err = capsys.readouterr().err
    assert err.startswith(f"error: signer {sys.executable}: ")
    assert "\x1b" not in err
    assert not Path("fix.mcu").exists()


@pytest.mark.parametrize("line", ["", "   ", "'", "/no/such/program", "."])
def test_what_is_no_program_is_named(line, capsys):
    keys.generate(Path("key.pem"))
    assert pack("--key", "key.pub", "--signer", line) == cli.BAD_INPUT
    assert "signer" in capsys.readouterr().err


def test_a_program_that_never_ends_is_ended(monkeypatch):
    made = keys.generate(Path("key.pem"))
    monkeypatch.setattr(signer, "_WAIT", 0.2)
    with pytest.raises(McueditError, match="no signature within"):
        signer.external(command("-c", "import time; time.sleep(1000)"), made).sign_digest(bytes(32))


@pytest.mark.skipif(not shutil.which("pkcs11-tool") or not any(p.is_file() for p in MODULES), reason="no SoftHSM here")
def test_a_key_on_a_token_signs_by_pkcs11_tool(monkeypatch, tmp_path):
    """As docs/guides/ship.md says; SoftHSM stands for the token."""
    (tmp_path / "tokens").mkdir()
    (tmp_path / "hsm.conf").write_text(f"directories.tokendir = {tmp_path}/tokens\nlog.level = ERROR\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "hsm.conf"))
    module = next(str(p) for p in MODULES if p.is_file())
    tool = ["pkcs11-tool", "--module", module]
    run = {"check": True, "capture_output": True, "timeout": WAIT}
    subprocess.run([*tool, "--init-token", "--slot-index", "0", "--so-pin", "1234", "--label", "t"], **run)
    login, so = ["--token-label", "t", "--pin", "1234"], ["--login-type", "so", "--so-pin", "1234"]
    subprocess.run([*tool, *login[:2], "--login", *so, "--init-pin", "--new-pin", "1234"], **run)
    subprocess.run([*tool, *login, "--login", "--keypairgen", "--key-type", "EC:edwards25519", "--id", "01"], **run)
    subprocess.run([*tool, *login, "--read-object", "--type", "pubkey", "--id", "01", "-o", "key.pub"], **run)
    sign = shlex.join([*tool, *login, "--login", "--sign", "--mechanism", "EDDSA", "--id", "01"])
    assert pack("--key", "key.pub", "--signer", sign) == 0
    assert opened()
