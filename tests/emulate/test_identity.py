# SPDX-License-Identifier: Apache-2.0
"""Devices prove by a key of their own what they answer; what was read once is no answer any more."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from helpers import packages
from helpers.operated import Device
from helpers.waiting import WAIT

from mcuedit import cli
from mcuedit._util.errors import McueditError
from mcuedit.emulate.devices.device_process import DeviceProcess, Identified
from mcuedit.fleet import identity, remembered
from mcuedit.fleet.transport import TransportError, upload
from mcuedit.fleet.transport.authority import DeviceKey
from mcuedit.fleet.transport.authority.proving import SHARED, SIGNED

SECRET = bytes(range(32))
PUBLIC = Ed25519PrivateKey.from_private_bytes(SECRET).public_key().public_bytes_raw()
KEY = f"ed25519:{PUBLIC.hex()}"
Change = Callable[[bytes, bytes], bytes]


@pytest.fixture(autouse=True)
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCUEDIT_REGISTRY", str(tmp_path / "registry.sqlite"))


def secret(tmp_path: Path, content: bytes = SECRET) -> Path:
    path = tmp_path / f"secret-{hashlib.sha256(content).hexdigest()[:8]}"
    path.write_bytes(content)
    return path


@pytest.fixture
def device(device_program: Callable[..., Path], tmp_path: Path) -> Iterator[DeviceProcess]:
    with DeviceProcess(
        device_program(), tmp_path / "flash", device_id=Identified("pump-7", secret(tmp_path))
    ) as running:
        yield running


@contextmanager
def between(device: DeviceProcess, change: Change) -> Iterator[str]:
    """Somebody in the middle; the address where they listen. `change` makes their answer of a request and the true
    one."""
    with socket.socket(type=socket.SOCK_DGRAM) as front, socket.socket(type=socket.SOCK_DGRAM) as back:
        front.bind(("127.0.0.1", 0))
        front.settimeout(0.05)
        back.settimeout(WAIT)
        ended = threading.Event()

        def pass_on() -> None:
            while not ended.is_set():
                try:
                    request, peer = front.recvfrom(4096)
                except TimeoutError:
                    continue
                back.sendto(request, ("127.0.0.1", device.port))
                front.sendto(change(request, back.recv(4096)), peer)

        thread = threading.Thread(target=pass_on)
        thread.start()
        try:
            yield f"udp:127.0.0.1:{front.getsockname()[1]}"
        finally:
            ended.set()
            thread.join()


@contextmanager
def found() -> Iterator[None]:
    with pytest.raises(TransportError) as caught:
        yield
    assert caught.value.reason == "identity", caught.value.message


def command_of(message: bytes) -> tuple[int, int]:
    return int.from_bytes(message[4:6], "big"), message[7]


def altered(answer: bytes, **fields: object) -> bytes:
    """An answer with other values and the same proof."""
    told = cbor2.loads(answer[8:])
    proof = told.pop("proof", None)
    told |= fields
    body = b"\xbf" + cbor2.dumps(told)[1:] + (b"\x65proof" + cbor2.dumps(proof) if proof else b"") + b"\xff"
    return answer[:2] + len(body).to_bytes(2, "big") + answer[4:8] + body


def enrolled(device: DeviceProcess) -> None:
    with Device(device.address) as link:
        remembered.look(link)
        assert link.is_new
        assert str(link.identity.key) == KEY


def test_a_key_is_taken_once_and_held_to_afterwards(device: DeviceProcess) -> None:
    enrolled(device)
    with Device(device.address) as link:
        status, _ = remembered.look(link)
        assert not link.is_new
        assert link.identity is not None
        assert status.device == "pump-7"


def test_verbs_say_what_was_proved(device: DeviceProcess, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.invoke(["status", "--to", device.address]) == 0
    said = capsys.readouterr()
    assert KEY in said.err.replace("\n", "")
    assert "authenticated by the device's own key" in said.out
    assert cli.invoke(["log", "--to", device.address, "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["authenticated"] is True
    assert KEY not in said.err


def test_a_device_without_a_key_is_not_called_authenticated(
    device_program: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with DeviceProcess(device_program(), tmp_path / "flash", device_id="pump-7") as plain:
        assert cli.invoke(["log", "--to", plain.address]) == 0
        assert "not authenticated" in capsys.readouterr().out.replace("\n", " ")


@pytest.mark.parametrize("shape", ["another key", "no key", "another id without a key"])
def test_what_is_not_the_device_that_it_was_is_refused(
    device: DeviceProcess, device_program: Callable[..., Path], tmp_path: Path, shape: str
) -> None:
    enrolled(device)
    device.stop()
    own = shape == "another key"
    name = "pump-8" if "id" in shape else "pump-7"
    who = Identified(name, secret(tmp_path, bytes(32))) if own else name
    with DeviceProcess(device_program(), tmp_path / "other", device_id=who, port=device.port) as other:
        for _ in range(2):
            with Device(other.address) as link, found():
                remembered.look(link)
            with Device(other.address) as link, found():
                remembered.keep(link, None)
        assert cli.invoke(["log", "--to", other.address]) == 2
        assert cli.invoke(["log", "--to", other.address, "--accept"]) == 0
        with Device(other.address) as link:
            remembered.look(link)
            assert (link.identity is not None) == own


def test_a_responder_that_replays_all_that_it_saw_is_always_found(device: DeviceProcess) -> None:
    """It has the answers of a whole visit, and then answers the next ones by them; the device is not asked again."""
    seen: dict[bytes, list[bytes]] = {}

    def record(request: bytes, answer: bytes) -> bytes:
        seen.setdefault(request[4:6] + request[7:8] + b"slot" * (b"slot" in request), []).append(answer)
        return answer

    with between(device, record) as address, Device(address) as link:
        status, _ = remembered.look(link)
        remembered.keep(link, status)
    with Device(device.address) as link:
        list(upload(link, packages.package()))

    turn = 0

    def replay(request: bytes, answer: bytes) -> bytes:
        nonlocal turn
        kept = seen.get(request[4:6] + request[7:8] + b"slot" * (b"slot" in request))
        turn += 1
        return answer if kept is None else (old := kept[turn % len(kept)])[:6] + request[6:7] + old[7:]

    for _ in range(20):
        with between(device, replay) as address, Device(address) as link, found():
            remembered.look(link)


LIES: dict[str, Change] = {
    "status": lambda request, answer: altered(answer, floor=7) if command_of(request) == (64, 0) else answer,
    "health": lambda request, answer: altered(answer, bad=[0, 0], good=[9, 9]) if request[7] == 4 else answer,
    "slot": lambda request, answer: altered(answer, ctr=9) if b"slot" in request else answer,
    "log": lambda request, answer: altered(answer, first=1) if command_of(request) == (64, 5) else answer,
    "no proof": lambda request, answer: (
        answer[:2] + (len(body := cbor2.dumps(kept))).to_bytes(2, "big") + answer[4:8] + body
        if (kept := {k: v for k, v in cbor2.loads(answer[8:]).items() if k != "proof"}) and request[5] == 64
        else answer
    ),
    "no key": lambda request, answer: (
        answer[:2] + b"\0\x05" + answer[4:8] + b"\xa1brc\x08" if command_of(request) == (64, 10) else answer
    ),
    "another device's key": lambda request, answer: (
        altered(answer, key=bytes(31) + b"\1") if command_of(request) == (64, 10) else answer
    ),
}


@pytest.mark.parametrize(
    ("lie", "known"), [(lie, known) for lie in LIES for known in (True, False) if known or lie != "no key"]
)
def test_every_lie_on_the_way_is_found(device: DeviceProcess, lie: str, known: bool) -> None:
    if known:
        enrolled(device)
    with between(device, LIES[lie]) as address, Device(address) as link, found():
        remembered.look(link)
        link.arms()


def test_every_changed_bit_of_an_answer_is_found(device: DeviceProcess) -> None:
    enrolled(device)
    with Device(device.address) as link:
        remembered.look(link)
        who = link.identity
    body = cbor2.dumps({"nonce": os.urandom(16), "pad": bytes(80)})
    request = b"\x08\0" + len(body).to_bytes(2, "big") + b"\0\x40\x01\0" + body
    with socket.socket(type=socket.SOCK_DGRAM) as plug:
        plug.settimeout(WAIT)
        plug.sendto(request, ("127.0.0.1", device.port))
        answer = plug.recv(4096)
    assert who.proves(request, answer)
    for bit in range(8 * 8, 8 * len(answer)):
        wrong = bytearray(answer)
        wrong[bit // 8] ^= 1 << bit % 8
        assert not who.proves(request, bytes(wrong)), bit
    for at in range(8, len(request)):
        other = request[:at] + bytes([request[at] ^ 1]) + request[at + 1 :]
        assert not who.proves(other, answer)


def test_keys_from_a_file_leave_nothing_to_first_contact(device: DeviceProcess, tmp_path: Path) -> None:
    right, wrong = DeviceKey(SIGNED, PUBLIC), DeviceKey(SIGNED, bytes(31) + b"\1")
    with Device(device.address, keys={"pump-7": right}) as link:
        remembered.look(link)
        assert not link.is_new
    for keys in ({}, {"pump-8": right}, {"pump-7": wrong}, {"pump-7": DeviceKey(SHARED, SECRET)}):
        with Device(device.address, keys=keys) as link, found():
            remembered.look(link)
    with Device(device.address) as link, found():  # it came from a file before
        remembered.look(link)


def test_push_takes_the_file_and_refuses_another_device(
    device: DeviceProcess, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    package, keys = tmp_path / "fix.mcu", tmp_path / "keys.toml"
    package.write_bytes(packages.package())
    keys.write_text(f'"pump-7" = "ed25519:{"11" * 32}"\n')
    push = ["push", str(package), "--to", device.address, "--json", "--device-keys", str(keys)]
    assert cli.invoke(push) == 1
    assert json.loads(capsys.readouterr().out)["reason"] == "identity"
    keys.write_text(f'"pump-7" = "{KEY}"\n')
    assert cli.invoke(push) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "staged"


@pytest.mark.parametrize(
    "text", ['"a" = 1', '"a" = "ed25519:00"', f'"a" = "rsa:{"00" * 32}"', "a =", '["a"]\nkey = "x"', "\udcff"]
)
def test_files_of_keys_are_read_by_a_form(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys.toml"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(McueditError, match="keys"):
        identity.load_keys(path)


def test_secrets_in_a_file_are_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(f'"a" = "hmac-sha256:{"07" * 32}"\n"b" = "{KEY}"\n')
    path.chmod(0o640)
    with pytest.raises(McueditError, match="others may read"):
        identity.load_keys(path)
    path.chmod(0o600)
    assert identity.load_keys(path) == {"a": DeviceKey(SHARED, bytes([7]) * 32), "b": DeviceKey(SIGNED, PUBLIC)}
