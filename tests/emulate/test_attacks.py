# SPDX-License-Identifier: Apache-2.0
"""The attacks of The Update Framework, and a few more, against a real device process and against the host.

The attacker has the network: every message reaches the device, past the host's own checks. In each case the device
refuses, or what the attacker gets is bounded; the set that was confirmed before goes on, also after a restart.
"""

from __future__ import annotations

import json
import socket
import struct
from contextlib import contextmanager
from functools import cache
from hashlib import sha256

import cbor2
import pytest
from helpers import packages
from helpers.operated import Device
from helpers.waiting import WAIT

from mcuedit import cli, package
from mcuedit._util.errors import McueditError
from mcuedit.adapter.encoding import encode
from mcuedit.emulate.devices.device_process import DeviceProcess
from mcuedit.fleet import device_log, remembered
from mcuedit.fleet.transport import Refused, TransportError, upload
from mcuedit.fleet.transport.reasons import error_of
from mcuedit.package.registry import open_registry

COUNTER = 10  # of the package that is confirmed on the device
OLD = packages.package(name="old", counter=COUNTER)
NEW = packages.package(name="new", counter=COUNTER + 1)


@pytest.fixture(autouse=True)
def registry(tmp_path, monkeypatch):
    monkeypatch.setenv("MCUEDIT_REGISTRY", str(tmp_path / "registry.sqlite"))


@pytest.fixture
def device(device_program, tmp_path):
    """A device with one confirmed package; none of the tests may change what it runs."""
    with DeviceProcess(device_program(), tmp_path / "flash", device_id="victim") as running:
        with Device(running.address) as link:
            install(link, OLD)
            link.confirm()
            before = in_force(link)
        yield running
        for _ in range(2):
            with Device(running.address) as link:
                assert in_force(link) == before
                assert link.status().minimum_counter >= COUNTER
            running.stop()
            running.start()


def install(link: Device, data: bytes) -> int:
    """Uploads and activates a package beside what is confirmed; its slot."""
    list(upload(link, data))
    status = link.status()
    slot = status.find(package.parse(data).digest)
    link.activate(1 << slot.index | sum(1 << i for i in status.confirmed))
    return slot.index


def in_force(link: Device) -> tuple[object, ...]:
    """What must stay: the active set and its packages."""
    status = link.status()
    return status.active, status.confirmed, status.in_trial, [status.slots[i] for i in status.active]


@contextmanager
def refused(*codes: str):
    """The device says no, with one of these errors."""
    with pytest.raises(Refused) as caught:
        yield
    assert caught.value.name in codes


def staged(link: Device) -> list[str]:
    return [s.name for s in link.status().slots if s.state == "staged"]


def host_refuses(data: bytes, *codes: str) -> None:
    """The host's own check says the same."""
    with pytest.raises(package.Refused) as caught:
        package.open_package(data, [packages.public()], model=packages.model(), minimum_counter=COUNTER)
    assert caught.value.code in codes


# The Update Framework's.


def test_arbitrary_software(device):
    """Whatever the attacker signs with a key of their own, or does not sign at all."""
    own = packages.package(counter=COUNTER + 1, signer=7)
    with Device(device.address) as link:
        for data, code in (own, "E_KEY"), (b"\x7fELF" + bytes(500), "E_MAGIC"), (NEW[: len(NEW) - 64], "E_SIZE"):
            with refused(code, "E_FORM"):
                list(upload(link, data))
        assert not staged(link)
    host_refuses(own, "E_KEY")


def test_endless_data(device):
    """More than a slot, more than was announced, and a stream that never ends: nothing is written past its place."""
    with Device(device.address) as link:
        with refused("E_SIZE"):
            list(upload(link, NEW + bytes(1 << 20)))
        with refused("E_SIZE", "E_FORM"):
            list(upload(link, NEW + b"\0" * 4))
        head = {"off": 0, "len": len(NEW), "sha": sha256(NEW).digest(), "data": NEW[:100]}
        assert raw(device, 1, 1, head)["off"] == 100
        for _ in range(50):
            told = raw(device, 1, 1, {"off": 100, "data": bytes(700)})  # announced were 327 in all
            assert told.get("off", 0) <= len(NEW)
        assert not staged(link)
    host_refuses(NEW + b"\0" * 4, "E_SIZE")


def test_extraneous_dependencies(device):
    """Nothing may ride along: neither another TLV nor bytes in between, although the signature does not cover them."""
    extra = NEW + struct.pack("<HH", 0xB0, 4) + b"evil"
    area = NEW.rindex(struct.pack("<H", 0x6907))
    size = struct.unpack_from("<H", NEW, area + 2)[0] + 8
    grown = extra[: area + 2] + struct.pack("<H", size) + extra[area + 4 :]
    with Device(device.address) as link:
        for data in extra, grown:
            with refused("E_FORM", "E_SIZE"):
                list(upload(link, data))
        assert not staged(link)
    for data in extra, grown:
        host_refuses(data, "E_FORM", "E_SIZE")


def test_fast_forward(device):
    """A counter so high that no later package could follow: bounded by the step, even with a good signature."""
    far = packages.package(name="new", counter=(1 << 32) - 1)
    just = packages.package(name="new", counter=COUNTER + 65537)
    with Device(device.address) as link:
        for data in far, just:
            with refused("E_COUNTER"):
                list(upload(link, data))
    host_refuses(far, "E_COUNTER")


def test_indefinite_freeze(device, tmp_path, capsys):
    """A device without a clock cannot know that it is kept from updates. The host can, and says so."""
    with open_registry() as registry:
        registry.add_package(NEW, packages.MANIFEST)
    assert cli.invoke(["status", "--to", device.address, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["newer_in_registry"] == ["new@1.2.0"]


def test_freeze_by_an_old_state(device_program, tmp_path):
    """The attacker puts back the flash of before the last update, log and counter and all."""
    flash = tmp_path / "flash"
    with DeviceProcess(device_program(), flash, device_id="victim") as running:
        with Device(running.address) as link:
            install(link, OLD)
            link.confirm()
            remembered.keep(link, None)
        running.stop()
        before = flash.read_bytes()
        running.start()
        with Device(running.address) as link:
            install(link, NEW)
            link.confirm()
            remembered.keep(link, None)
        running.stop()
        flash.write_bytes(before)
        running.start()
        with Device(running.address) as link, pytest.raises(device_log.Broken, match="its log has"):
            remembered.look(link)


def test_mix_and_match(device):
    """The parts of two good packages make no third one, at any place where one could be cut."""
    other = packages.package(name="new", version="2.0.0", counter=COUNTER + 2, adapter=packages.fact(seed=3))
    protected = NEW.index(struct.pack("<H", 0x6908))
    plain = NEW.rindex(struct.pack("<H", 0x6907))
    with Device(device.address) as link:
        for cut in 32, protected, plain, plain + 40, plain + 76:
            mixed = NEW[:cut] + other[cut:]
            assert mixed not in (NEW, other)
            with refused("E_HASH", "E_SIGNATURE", "E_FORM", "E_SIZE"):
                list(upload(link, mixed))
            with pytest.raises(package.Refused):
                package.open_package(mixed, [packages.public()], model=packages.model(), minimum_counter=COUNTER)
        assert not staged(link)


def test_rollback(device):
    """What was good once is not good again: neither an older package nor one of the same counter."""
    with Device(device.address) as link:
        for counter in COUNTER - 1, COUNTER:
            data = packages.package(name="new", version="0.9.0", counter=counter)
            with refused("E_COUNTER"):
                list(upload(link, data))
            host_refuses(data, "E_COUNTER")


def test_rollback_of_a_staged_package(device):
    """Staged before, outrun by a newer one, and activated only then."""
    low, high = NEW, packages.package(name="high", counter=COUNTER + 5)
    with Device(device.address) as link:
        list(upload(link, low))
        install(link, high)
        link.rollback()
        slot = link.status().find(package.parse(low).digest)
        with refused("E_COUNTER"):
            link.activate(1 << slot.index)
        assert link.status().minimum_counter == COUNTER + 5


def test_slow_retrieval(device):
    """An upload that dribbles, or whose sender is gone, keeps nobody else out for long."""
    other = packages.package(name="slow", counter=COUNTER + 3)
    raw(device, 1, 1, {"off": 0, "len": len(other), "sha": sha256(other).digest(), "data": other[:1]})
    for at in range(1, 40):
        assert raw(device, 1, 1, {"off": at, "data": other[at : at + 1]})["off"] == at + 1
    with Device(device.address, sleep=lambda seconds: None) as link:
        assert list(upload(link, NEW))[-1] == len(NEW)
        assert staged(link) == ["new"]
        assert link.status().upload is None


def test_wrong_software(device, tmp_path, capsys):
    """Good, signed, and for another product: by its base."""
    other = packages.package(packages.model(1), name="new", counter=COUNTER + 1)
    with Device(device.address) as link, refused("E_BASE"):
        list(upload(link, other))
    path = tmp_path / "other.mcu"
    path.write_bytes(other)
    assert cli.invoke(["push", str(path), "--to", device.address, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["reason"] == "other-base"
    host_refuses(other, "E_BASE")


# Further ones.


def test_wrong_base(device):
    """A container that names the device's base, around an adapter for another one."""
    foreign = encode(packages.fact(packages.model(1)), packages.model(1))
    data = packages.package(payload=foreign, name="new", counter=COUNTER + 1)
    with Device(device.address) as link, refused("E_BASE"):
        list(upload(link, data))
    with pytest.raises(McueditError, match="base"):
        package.open_package(data, [packages.public()], model=packages.model())


def test_wrong_key(device):
    """The attacker's signature under the name of a good key."""
    own = packages.package(name="new", counter=COUNTER + 1, signer=7)
    data = own.replace(bytes.fromhex(packages.public(7).sha256), bytes.fromhex(packages.public().sha256))
    assert data != own
    with Device(device.address) as link, refused("E_SIGNATURE"):
        list(upload(link, data))
    host_refuses(data, "E_SIGNATURE")


def test_replay(device):
    """The confirmed package again, and its activation: nothing happens. A revoked one again: refused."""
    with Device(device.address) as link:
        records = link.status().records
        assert list(upload(link, OLD))[-1] == len(OLD)
        link.activate(1 << link.status().confirmed[0])
        assert link.status().records == records
    with Device(device.address) as link:
        link.drop(slot_of(link, NEW), erase=False)
        with refused("E_REVOKED"):
            list(upload(link, NEW))


def slot_of(link: Device, data: bytes) -> int:
    """Stages a package."""
    list(upload(link, data))
    return link.status().find(package.parse(data).digest).index


def test_replay_of_messages(device):
    """Datagrams that once confirmed something, sent again when there is nothing to confirm."""
    for _ in range(2):
        told = raw(device, 64, 2, {})
        assert error_of(64, told["err"]["rc"])[0] == "E_AUTHORITY"


def test_two_adapters_of_one_name(device):
    """Both are good; together they would be half a repair each."""
    second = packages.package(name="old", version="2.0.0", counter=COUNTER + 1, adapter=packages.fact(seed=2))
    with Device(device.address) as link:
        slot = slot_of(link, second)
        with refused("E_NAME"):
            link.activate(1 << slot | 1 << link.status().confirmed[0])


def test_messages_that_are_none(device):
    """Bytes that are no SMP, no CBOR, or more than fits: the device goes on."""
    good = struct.pack("!BBHHBB", 0x08, 0, 1, 64, 1, 0) + b"\xa0"
    for data in b"", b"\0", good[:7], good[:-1], good + b"\0" * 9000, b"\xff" * 64, good[:8] + b"\xbf" * 400:
        plug().sendto(data, ("127.0.0.1", device.port))
    with Device(device.address) as link:
        assert link.status().device == "victim"


def test_a_log_that_was_tampered_with_on_its_way(device):
    """Every record is chained: a changed byte, a missing record and a shorter log are found by the host."""
    with Device(device.address) as link:
        log = device_log.read(link, link.status())
        for at in range(0, len(log.data), 7):
            changed = bytearray(log.data)
            changed[at] ^= 1
            with pytest.raises(device_log.Broken):
                device_log.verify(bytes(changed), 0, "", (log.next, log.head))
        for number in range(len(log.records) - 1):
            without = log.data[: 32 * number] + log.data[32 * (number + 1) :]
            with pytest.raises(device_log.Broken):
                device_log.verify(without, 0, "", None)


def raw(device: DeviceProcess, group: int, command: int, asked: dict) -> dict:
    """One write past all of the host's code, always from the same port; long enough for its answer."""
    body = cbor2.dumps({"pad": bytes(80), **asked})
    plug().sendto(struct.pack("!BBHHBB", 0x0A, 0, len(body), group, 7, command) + body, ("127.0.0.1", device.port))
    return cbor2.loads(plug().recv(4096)[8:])


@cache
def plug() -> socket.socket:
    """The attacker's."""
    made = socket.socket(type=socket.SOCK_DGRAM)
    made.settimeout(WAIT)
    return made


def test_the_host_is_not_led_on_for_ever(device):
    """A device that the attacker owns: the host gives up in time (tests/unit/test_transport.py has each way)."""
    with pytest.raises(TransportError), Device("udp:127.0.0.1:9", timeout=0.1, tries=2):
        pass
