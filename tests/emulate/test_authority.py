# SPDX-License-Identifier: Apache-2.0
"""Commands carry authority: a device process obeys its operator, and nobody else."""

from __future__ import annotations

import asyncio
import shlex
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cbor2
import pytest
from helpers import operated, packages
from helpers.smp_node import raw_header
from helpers.waiting import WAIT

from mcuedit import cli
from mcuedit.emulate.devices.device_process import DeviceProcess
from mcuedit.fleet import transport
from mcuedit.fleet.transport import Refused, upload
from mcuedit.fleet.transport.authority import Operator
from mcuedit.fleet.transport.reasons import UNAUTHORIZED

# Of several messages, whatever the link.
BIG = packages.package(name="big", counter=2, adapter=packages.fact(labels=dict.fromkeys(range(6), "x" * 250)))


@pytest.fixture(autouse=True)
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCUEDIT_REGISTRY", str(tmp_path / "registry.sqlite"))


@pytest.fixture
def device(device_program: Callable[..., Path], tmp_path: Path) -> Iterator[DeviceProcess]:
    with DeviceProcess(device_program(), tmp_path / "flash", device_id="pump-7") as running:
        yield running


def test_an_operator_commands_and_nobody_else(device: DeviceProcess) -> None:
    package = packages.package()
    with transport.Device(device.address) as link:
        assert list(upload(link, package))[-1] == len(package)  # into an empty slot
        slot = next(s for s in link.status().slots if s.name)
        before = link.status()
        for command in (
            lambda: link.activate(1 << slot.index),
            lambda: link.activate(0),
            link.confirm,
            link.rollback,
            lambda: link.drop(slot.index, erase=False),
            lambda: link.drop(slot.index, erase=True),
            lambda: link.outcome(0, False),
            link.reset,
        ):
            with pytest.raises(Refused) as refused:
                command()
            assert (refused.value.name, refused.value.reason) == ("E_AUTHORITY", UNAUTHORIZED)
            assert "--operator-key" in refused.value.hint
        assert link.status() == before
    with operated.Device(device.address) as link:
        assert link.activate(1 << slot.index) == 1 << slot.index
        assert link.confirm() == 1 << slot.index
        assert link.rollback() == 0
        link.outcome(0, True)
        link.reset()
        link.drop(slot.index, erase=True)
        assert link.status().slots[slot.index].state == "empty"


def test_another_key_is_none(device: DeviceProcess) -> None:
    other = Operator(packages.key(4).key.sign)
    with operated.Device(device.address, operator=other) as link, pytest.raises(Refused) as refused:
        link.activate(0, boots=1)
    assert refused.value.name == "E_AUTHORITY"


def test_the_key_is_an_option_of_the_verbs(
    device: DeviceProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "fix.mcu"
    path.write_bytes(packages.package())
    key = operated.write_key(tmp_path)
    monkeypatch.delenv("MCUEDIT_OPERATOR_KEY")
    assert cli.invoke(["push", str(path), "--to", device.address]) == 0
    assert cli.invoke(["activate", "fix", "--to", device.address]) == 2
    assert "E_AUTHORITY" in (said := capsys.readouterr().err)
    assert "--operator-key" in said
    for verb in (["activate", "fix"], ["confirm"], ["rollback"], ["deactivate", "fix", "--erase"]):
        assert cli.invoke([*verb, "--to", device.address, "--operator-key", str(key)]) == 0


def test_no_answer_is_more_than_three_times_as_long_as_its_request(device: DeviceProcess) -> None:
    """Whoever sends under the address of another gains nothing by it."""
    worst, answers = 0.0, 0
    with socket.socket(type=socket.SOCK_DGRAM) as plug:
        plug.settimeout(WAIT)
        for group, command in ((64, 0), (64, 4), (64, 5), (64, 9), (64, 2), (1, 0), (0, 6), (0, 0), (7, 7)):
            for size in (0, 1, 5, 20, 60, 150, 400):
                body = cbor2.dumps({"pad": bytes(size)} if size else {})
                for op in (0, 2):
                    request = raw_header(op, 1, len(body), group, 1, command) + body
                    plug.sendto(request, ("127.0.0.1", device.port))
                    answer = plug.recv(4096)
                    worst, answers = max(worst, len(answer) / len(request)), answers + 1
    assert answers == 9 * 7 * 2
    assert 1.5 < worst <= 3


def test_other_peoples_clients_upload(device: DeviceProcess) -> None:
    """smpclient, which knows nothing of operators, with its own packet sizes."""
    from smpclient import SMPClient
    from smpclient.transport.udp import SMPUDPTransport

    class Transport(SMPUDPTransport):
        async def connect(self, address: str, timeout_s: float, port: int = 0) -> None:
            await super().connect(address, timeout_s, port or device.port)

    async def push(package: bytes) -> list[int]:
        async with SMPClient(Transport(), "127.0.0.1", WAIT) as client:
            return [at async for at in client.upload(package, first_timeout_s=WAIT)]

    for package in (packages.package(), BIG):
        assert asyncio.run(push(package))[-1] == len(package)
    with transport.Device(device.address) as link:
        assert [slot.name for slot in link.status().slots if slot.name] == ["fix", "big"]


def test_an_upload_that_another_peer_displaced_begins_again(device: DeviceProcess) -> None:
    """Neither of the two writes into the other's."""
    one, other = BIG, packages.package(name="other", counter=3)
    with transport.Device(device.address) as link, operated.Device(device.address) as operator:
        sent = upload(link, one)
        next(sent)
        assert list(upload(operator, other))[-1] == len(other)
        assert list(sent)[-1] == len(one)
        assert {slot.name for slot in link.status().slots if slot.name} == {"big", "other"}


def test_a_program_signs_what_an_operator_commands(
    device: DeviceProcess, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fix.mcu").write_bytes(packages.package())
    (tmp_path / "operator.pub").write_bytes(packages.public(operated.SEED).imgtool().get_public_pem())
    (tmp_path / "sign.py").write_text(
        "import sys\nfrom cryptography.hazmat.primitives.serialization import load_pem_private_key as load\n"
        "key = load(open(sys.argv[1], 'rb').read(), None)\nsys.stdout.buffer.write(key.sign(sys.stdin.buffer.read()))\n"
    )
    signers = [
        shlex.join([sys.executable, str(tmp_path / "sign.py"), str(operated.write_key(tmp_path, seed))])
        for seed in (operated.SEED, 3)
    ]
    to = ["--to", device.address, "--operator-key", str(tmp_path / "operator.pub")]
    assert cli.invoke(["push", str(tmp_path / "fix.mcu"), *to, "--signer", signers[0], "--activate"]) == 0
    assert cli.invoke(["confirm", *to, "--signer", signers[1]]) == 2
    assert "its signature is not one of key" in capsys.readouterr().err
    assert cli.invoke(["confirm", *to, "--signer", signers[0]]) == 0
    monkeypatch.delenv("MCUEDIT_OPERATOR_KEY")
    assert cli.invoke(["rollback", "--to", device.address, "--signer", signers[0]]) == 2
    assert "--operator-key KEY.pub" in capsys.readouterr().err
