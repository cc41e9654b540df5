# SPDX-License-Identifier: Apache-2.0
"""The host's end of the link: what it asks, how long it waits, and why it gives up."""

from __future__ import annotations

import asyncio
import socket
from itertools import count

import numpy as np
import pytest
from helpers import packages
from helpers.standin import BUSY, Served, Standin, answer
from smp import packet

from mcuedit._util.errors import McueditError
from mcuedit.fleet.transport import Device, Limits, Refused, TransportError, parse, reasons, upload
from mcuedit.fleet.transport.exchange import Exchange, Silent
from mcuedit.fleet.transport.frames import Frames
from mcuedit.fleet.transport.messages import StatusRead
from mcuedit.fleet.transport.roundtrip import RoundTrip
from mcuedit.fleet.transport.wire import Wire


def quick(address: str, **options) -> Device:
    """A device that is not waited for."""
    return Device(address, **{"timeout": 2.0, "tries": 3, "sleep": lambda seconds: None, **options})


@pytest.mark.parametrize(
    ("text", "kind", "host", "port"),
    [
        ("udp:10.0.0.7:1337", "udp", "10.0.0.7", 1337),
        ("udp:[::1]:1337", "udp", "::1", 1337),
        ("tcp:localhost:4321", "tcp", "localhost", 4321),
        ("serial:/dev/ttyACM0", "serial", "/dev/ttyACM0", 115200),
        ("serial:COM3:9600", "serial", "COM3", 9600),
    ],
)
def test_addresses(text, kind, host, port):
    found = parse(text)
    assert (found.kind, found.host, found.port) == (kind, host, port)
    assert parse(str(found)) == found


@pytest.mark.parametrize("text", ["", "udp:host", "udp:host:0", "udp:host:70000", "usb:1:2", "serial:", "tcp:a b:1"])
def test_what_is_no_address_is_named(text):
    with pytest.raises(McueditError, match="no address of a device") as caught:
        parse(text)
    assert "serial:/dev/ttyACM0" in caught.value.hint


@pytest.mark.parametrize("kind", ["udp", "tcp", "serial"])
def test_a_package_goes_there_and_is_kept(kind):
    package = packages.package(counter=3)
    with Served(Standin(), kind=kind) as (address,), quick(address) as device:
        offsets = list(upload(device, package))
        assert offsets == sorted(set(offsets))
        assert offsets[-1] == len(package)
        (slot,) = [s for s in device.status().slots if s.state != "empty"]
        assert (slot.name, slot.version, slot.counter, slot.state) == ("fix", "1.2.0", 3, "staged")
        assert device.activate(1 << slot.index) == 1
        assert device.status().in_trial
        assert device.confirm() == 1
        status = device.status()
        assert (status.active, status.confirmed, status.in_trial, status.minimum_counter) == ((0,), (0,), False, 3)
        assert device.rollback() == 0


def test_no_message_is_larger_than_the_buffer_of_the_device():
    device, sizes = Standin(buffer=128), []
    device.fault = lambda group, command, asked: sizes.append(len(asked.get("data", b"")))

    def measured(request: bytes) -> bytes:
        assert len(request) <= 128
        return device.frame(request)

    with Served(measured) as (address,), quick(address) as link:
        assert list(upload(link, packages.package()))[-1] == len(packages.package())
    assert max(sizes) >= 80


def test_frames_are_found_among_whatever_else_a_uart_says():
    """Frames that broke off, lines that another frame starts in, damaged ones: all that came whole are read."""
    rng = np.random.default_rng(4)
    messages = [rng.bytes(int(rng.integers(120, 400))) for _ in range(200)]
    said = bytearray()
    for message in messages:
        lines = list(packet.encode(message))
        other = [
            lines[0],  # a frame that breaks off
            lines[0][:7] + b"*" + lines[0][8:],
            b"\x04\x14AAAA\n",
            b"\x06\x09\n",
            b"boot: \xff\x00 ok\r\n",
            rng.bytes(20).replace(b"\n", b""),  # without an end of its own
            b"",
        ]
        said += b"".join(other[i] for i in rng.integers(0, len(other), 3)) + b"".join(lines).replace(b"\n", b"\r\n")
    frames = Frames()
    found = [m for line in bytes(said).split(b"\n") if (m := frames.take(line + b"\n")) is not None]
    assert [m for m in found if m in messages] == messages


def test_nothing_there():
    with socket.socket(type=socket.SOCK_DGRAM) as plug:
        plug.bind(("127.0.0.1", 0))
        address = f"udp:127.0.0.1:{plug.getsockname()[1]}"
    with pytest.raises(TransportError, match="refused") as caught, quick(address):
        pass
    assert caught.value.reason == reasons.UNREACHABLE


def test_silence():
    with (
        Served(lambda request: b"") as (address,),
        pytest.raises(TransportError, match=r"no answer within .* s, asked") as caught,
    ):
        quick(address, timeout=0.05).__enter__()
    assert caught.value.reason == reasons.UNREACHABLE


def test_a_port_that_another_program_has_open():
    with Served(Standin(), kind="serial") as (address,), quick(address):
        with pytest.raises(TransportError, match="lock") as caught, quick(address):
            pass
        assert caught.value.reason == reasons.BUSY


def test_no_such_port():
    with pytest.raises(TransportError, match="/dev/none") as caught, quick("serial:/dev/none"):
        pass
    assert caught.value.reason == reasons.UNREACHABLE


@pytest.mark.parametrize(
    "other",
    [
        lambda request: request,  # an echo server
        lambda request: b"HTTP/1.1 400 Bad Request\r\n\r\n",
        lambda request: answer(request, {"hello": "world"}),
        lambda request: answer(request, {"buf_size": "many", "buf_count": 1}),
        lambda request: answer(request, [1, 2]),
        lambda request: answer(request, {"buf_size": 512, "buf_count": 1, "header": 1, "smp_data": 2}),
        lambda request: answer(request, {})[:-1] + b"\xff",
        lambda request: answer(request, {}) + b"more",
    ],
)
def test_another_program_answers(other):
    with Served(other) as (address,), pytest.raises(TransportError, match="no answer of an mcuedit device") as caught:
        quick(address, timeout=1.0, tries=1).__enter__()
    assert caught.value.reason == reasons.GARBAGE
    assert "address" in caught.value.hint


def test_a_device_whose_name_would_write_on_the_terminal():
    with (
        Served(Standin(name="\x1b[2J")) as (address,),
        quick(address, timeout=10.0, tries=1) as link,
        pytest.raises(TransportError, match="no answer of an mcuedit device"),
    ):
        link.status()


def test_a_late_answer_is_not_taken_for_another():
    """Every answer comes twice: the second time when the next one is waited for."""
    device, kept = Standin(), []

    def twice(request: bytes) -> list[bytes]:
        kept.append(device.frame(request))
        return kept[-2:]

    with Served(twice) as (address,), quick(address) as link:
        assert list(upload(link, packages.package()))[-1] == len(packages.package())
        assert [slot.index for slot in link.status().slots] == [0, 1, 2, 3]


def test_a_device_whose_answers_come_late_is_no_stranger():
    """It answers, each time to a request before the one in hand: the device's own answers, though none that helps."""
    device, kept = Standin(), []

    def late(request: bytes) -> list[bytes]:
        if request[4:8:3] == b"\0\6":
            return [device.frame(request)]
        kept.append(answer(request, {"hash": "x"}))
        return [answer(bytes([*request[:6], request[6] + 99 & 255, request[7]]), {})] * 3

    with Served(late) as (address,), quick(address, timeout=0.1) as link:
        with pytest.raises(TransportError, match="answers to earlier requests") as caught:
            link.status()
        assert caught.value.reason == reasons.UNREACHABLE
        assert len(kept) > 3


def test_an_answer_to_an_earlier_try_is_the_answer():
    """The first one is answered when it was sent three times: asked for by new numbers alone it is never heard."""
    device, first = Standin(), []

    def slow(request: bytes) -> bytes:
        first.append(request)
        return device.frame(first[0] if len(first) == 3 else request) if len(first) > 2 else b""

    with Served(slow) as (address,), quick(address, timeout=1.0, tries=8) as link:
        assert link.status().device == "standin"
    assert len(first) > 3


def test_a_slow_link_is_waited_for_as_long_as_it_takes():
    """Answers take 3 s: tries of 2 s would all be over."""
    trip = RoundTrip(2.0, 2.0, 20.0)
    assert trip.wait == 2.0
    for _ in range(3):
        trip.took(3.0)
    assert 3.0 < trip.wait < 9.0
    for _ in range(100):
        trip.took(0.01)
    assert trip.wait == 2.0
    trip.took(1000.0)
    assert trip.wait == 20.0  # and no longer


def test_a_silent_device_on_a_slow_link_is_given_up_later():
    """By a clock of the test's own, on which each answer took 5 s: 4 tries of 2 s are less than one and a half."""
    now, device, sent = [0.0], Standin(), []

    class Late(Wire):
        async def send(self, data: bytes) -> None:
            sent.append(data)

        async def receive(self) -> bytes:
            if len(sent) > 20:
                now[0] += 8.0
                raise TimeoutError
            now[0] += 5.0
            return device.frame(sent[-1])

    exchange = Exchange(Late(parse("tcp:localhost:1")), 2.0, 4, clock=lambda: now[0])
    for _ in range(20):
        asyncio.run(exchange.ask(StatusRead().BYTES))
    start = now[0]
    with pytest.raises(Silent):
        asyncio.run(exchange.ask(StatusRead().BYTES))
    assert 4 * 5.0 <= now[0] - start <= 4 * 20.0 + 8.0


class Losing(Wire):
    """Of datagrams, by a clock of the test's own: some get no answer, and then `seconds` pass."""

    def __init__(self, share: float, seconds: float, seed: int = 5) -> None:
        super().__init__(parse("udp:localhost:1"))
        self.now, self.sent, self._share, self._seconds = 0.0, list[bytes](), share, seconds
        self._rng, self._device = np.random.default_rng(seed), Standin()

    async def send(self, data: bytes) -> None:
        self.sent.append(data)

    async def receive(self) -> bytes:
        if self._rng.random() < self._share:
            self.now += self._seconds
            raise TimeoutError
        self.now += 0.001
        return self._device.frame(self.sent[-1])


@pytest.mark.parametrize("seconds", [0.5, 30.0])
def test_a_fifth_lost_each_way_silences_no_device_however_late_the_host_is(seconds):
    """A wait of half a second may take 30 s on a busy machine: that is not the device's silence."""
    wire = Losing(1 - 0.8 * 0.8, seconds)
    exchange = Exchange(wire, 2.0, 4, clock=lambda: wire.now)

    async def ask() -> None:
        for _ in range(5000):
            wire.sent.clear()
            await exchange.ask(StatusRead().BYTES)

    asyncio.run(ask())


def test_a_silent_device_is_asked_sixteen_times_and_not_for_ever():
    wire = Losing(1.0, 30.0)
    with pytest.raises(Silent):
        asyncio.run(Exchange(wire, 2.0, 4, clock=lambda: wire.now).ask(StatusRead().BYTES))
    assert len(wire.sent) == 16


def test_waits_between_copies_grow_and_are_never_the_same_for_two_hosts(monkeypatch):
    """After an answer within 1 ms, and without the next one."""
    found = []
    for seed in 1, 2:
        wire, waits = Losing(1.0, 0.5), list[float]()
        exchange = Exchange(wire, 2.0, 4, clock=lambda wire=wire: wire.now, draw=np.random.default_rng(seed).random)
        exchange.round_trip.took(0.001)
        receive = exchange._receive

        def waited(until, wire=wire, waits=waits, receive=receive):
            waits.append(until - wire.now)
            return receive(until)

        monkeypatch.setattr(exchange, "_receive", waited)
        with pytest.raises(Silent):
            asyncio.run(exchange.ask(StatusRead().BYTES))
        middles = [min(0.1 * 1.5**n, 0.5) for n in range(len(waits))]
        assert all(0.75 * m - 1e-9 <= w <= 1.25 * m + 1e-9 for w, m in zip(waits, middles, strict=True))
        found.append(waits)
    assert not set(found[0]) & set(found[1])


def test_answers_that_get_lost_cost_a_try_each():
    numbers = count()
    device = Standin(lose=lambda group, command, asked: next(numbers) % 2 == 0)
    with Served(device) as (address,), quick(address, timeout=0.2, tries=20) as link:
        assert list(upload(link, packages.package()))[-1] == len(packages.package())
        assert link.status().slots[0].state == "staged"


@pytest.mark.parametrize(("wrong", "found"), [(2, True), (3, False)])
def test_an_answer_about_another_slot_is_late_and_asked_for_again(wrong, found):
    """As one to an earlier process, whose sequence number happens to be the same."""
    device = Standin()
    told, left = device.slot, [wrong]

    def slot(index: int) -> dict:
        left[0] -= 1
        return told(index if left[0] < 0 else index + 1)

    device.slot = slot
    with Served(device) as (address,), quick(address) as link:
        if found:
            assert link.slot(1).index == 1
        else:
            with pytest.raises(TransportError, match="asked for slot 1, told of slot 2"):
                link.slot(1)


@pytest.mark.parametrize("command", [1, 2, 3])
def test_a_change_whose_answer_gets_lost_is_made_once(command):
    """A second rollback would undo the set before, too."""
    package = packages.package()
    device = Standin()
    device.install(package)
    device.handle((64, 1), True, {"mask": 1})
    device.handle((64, 2), True, {})
    if command == 2:
        device.handle((64, 1), True, {"mask": 0})
    lost = iter([True])
    device.lose = lambda group, number, asked: (group, number) == (64, command) and next(lost, False)
    with Served(device) as (address,), quick(address, timeout=0.5, tries=20) as link:
        mask = {1: lambda: link.activate(0), 2: link.confirm, 3: link.rollback}[command]()
    assert mask == 0
    assert device.asked.count((64, command)) == 1


def test_an_upload_goes_on_where_the_link_broke():
    package = packages.package()
    device = Standin(buffer=128)
    with Served(device) as (address,):
        with quick(address) as link:
            next(upload(link, package))
        had = len(device.upload[2])
        assert 0 < had < len(package)
        with quick(address) as link:
            assert next(upload(link, package)) == had  # what is there is not sent again
            assert list(upload(link, package))[-1] == len(package)


def test_a_device_that_restarts_in_the_middle_gets_it_from_the_start():
    device = Standin(buffer=128)
    package = packages.package()
    with Served(device) as (address,), quick(address) as link:
        sending = upload(link, package)
        next(sending), next(sending)
        device.boot()
        assert list(sending)[-1] == len(package)


def test_busy_is_asked_again_and_then_told():
    answers = count()
    frame = Standin().frame

    def busy(request: bytes) -> bytes:
        upload_asked = request[4:6] == b"\0\1"
        return answer(request, {"rc": BUSY}) if upload_asked and next(answers) < 5 else frame(request)

    with Served(busy) as (address,), quick(address) as link:
        assert list(upload(link, packages.package()))[-1] == len(packages.package())

    with Served(lambda r: answer(r, {"rc": BUSY}) if r[5] == 1 else frame(r)) as (address,), quick(address) as link:
        with pytest.raises(Refused, match="busy") as caught:
            list(upload(link, packages.package()))
        assert caught.value.reason == reasons.BUSY


@pytest.mark.parametrize(
    ("package", "code", "reason"),
    [
        (packages.package(packages.model(1)), "E_BASE", reasons.OTHER_BASE),
        (packages.package(signer=1), "E_KEY", reasons.REFUSED),
        (packages.package()[:-1] + b"\0", "E_SIGNATURE", reasons.REFUSED),
    ],
)
def test_a_refusal_has_the_devices_error_and_a_way_out(package, code, reason):
    with Served(Standin()) as (address,), quick(address) as link:
        with pytest.raises(Refused, match=code) as caught:
            list(upload(link, package))
        assert (caught.value.name, caught.value.reason) == (code, reason)
        assert caught.value.hint
        assert all(slot.state == "empty" for slot in link.status().slots)


def test_a_full_store_is_a_reason_of_its_own():
    device = Standin(slots=1)
    device.install(packages.package(name="a"))
    device.handle((64, 1), True, {"mask": 1})
    with Served(device) as (address,), quick(address) as link, pytest.raises(Refused) as caught:
        list(upload(link, packages.package(name="b", counter=2)))
    assert caught.value.reason == reasons.FULL


@pytest.mark.parametrize("wanted", [0, 32])
def test_a_device_that_never_has_enough(wanted):
    """It acknowledges, but asks for the same bytes for ever."""
    device = Standin()

    def stuck(request: bytes) -> bytes:
        return answer(request, {"off": wanted}) if request[5] == 1 else device.frame(request)

    with Served(stuck) as (address,), quick(address) as link, pytest.raises(TransportError, match="too slow") as caught:
        list(upload(link, packages.package(), Limits(clock=lambda: 0.0)))
    assert caught.value.reason == reasons.SLOW


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        ({"total": 5.0}, "more than 5 s"),
        ({"total": 1e9, "window": 3.0, "least": 50}, "less than 50 bytes in 3 s"),
    ],
)
def test_a_device_that_takes_byte_by_byte_is_given_up(limits, why):
    """One byte more with every answer is progress, but not enough of it; each answer takes a second here."""
    clock = count()
    offsets = count(1)
    device = Standin()

    def slow(request: bytes) -> bytes:
        return answer(request, {"off": next(offsets)}) if request[5] == 1 else device.frame(request)

    with Served(slow) as (address,), quick(address) as link, pytest.raises(TransportError, match=why) as caught:
        list(upload(link, packages.package(), Limits(clock=lambda: next(clock), **limits)))
    assert caught.value.reason == reasons.SLOW
    assert "push again" in caught.value.hint


def test_a_device_that_wants_more_than_there_is():
    device = Standin()
    with (
        Served(lambda r: answer(r, {"off": 1 << 30}) if r[5] == 1 else device.frame(r)) as (address,),
        quick(address) as link,
        pytest.raises(TransportError, match="wants byte 1073741824"),
    ):
        list(upload(link, packages.package()))


def test_every_error_of_the_core_has_a_name():
    known = reasons.core_errors()
    assert known[0][0] == "OK"
    assert {"E_BASE", "E_CRC"} <= {name for name, _ in known.values()}
    assert sorted(known) == list(range(len(known)))
    assert reasons.error_of(64, 4)[0] == "E_BASE"
    assert reasons.error_of(None, 8)[0] == "ENOTSUP"
    assert "does not know" in reasons.error_of(64, 4000)[1]
