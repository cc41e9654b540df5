# SPDX-License-Identifier: Apache-2.0
"""SMP on serial lines: firmware/smp/serial.c against the `smp` package's own framing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cffi import FFI
from helpers.native import WARNINGS
from hypothesis import given, settings
from hypothesis import strategies as st
from smp import packet

from mcuedit._util import resources
from mcuedit.build import compilers

CAPACITY = 260
DECLARATIONS = """
typedef struct { uint8_t *buffer; uint32_t bits; uint16_t capacity, fill; uint8_t bit_count, state;
    volatile uint8_t ready; } mcuedit_smp_receiver;
void mcuedit_smp_receiver_init(mcuedit_smp_receiver *receiver, uint8_t *buffer, uint16_t capacity);
int mcuedit_smp_receive(mcuedit_smp_receiver *receiver, uint8_t byte);
const uint8_t *mcuedit_smp_message(const mcuedit_smp_receiver *receiver, uint32_t *size);
void mcuedit_smp_release(mcuedit_smp_receiver *receiver);
void mcuedit_smp_send(const uint8_t *message, uint32_t size, void (*write)(void *context, uint8_t byte), void *context);
"""


class Line:
    """One receiver and the sender."""

    def __init__(self, folder: Path) -> None:
        firmware = resources.path("firmware")
        arguments = [*WARNINGS, "-O1", "-shared", "-fPIC", f"-I{firmware / 'include'}"]
        arguments += [str(firmware / "smp" / "serial.c"), "-o", "serial.so"]
        compilers.find_host_compiler().run(arguments, folder)
        self.ffi = FFI()
        self.ffi.cdef(DECLARATIONS)
        self.lib: Any = self.ffi.dlopen(str(folder / "serial.so"))
        self.receiver = self.ffi.new("mcuedit_smp_receiver *")
        self.reset()

    def reset(self, capacity: int = CAPACITY) -> None:
        self.guarded = self.ffi.new("uint8_t[]", b"\xaa" * (capacity + 8))
        self.lib.mcuedit_smp_receiver_init(self.receiver, self.guarded, capacity)
        self.capacity = capacity

    def feed(self, line: bytes) -> Iterator[bytes]:
        """The messages that come out."""
        size = self.ffi.new("uint32_t *")
        for byte in line:
            if self.lib.mcuedit_smp_receive(self.receiver, byte):
                yield bytes(self.ffi.buffer(self.lib.mcuedit_smp_message(self.receiver, size), size[0]))
                self.lib.mcuedit_smp_release(self.receiver)
        assert bytes(self.guarded)[self.capacity :][:8] == b"\xaa" * 8

    def send(self, message: bytes) -> list[bytes]:
        """The lines that go out."""
        out = bytearray()
        write = self.ffi.callback("void(void *, uint8_t)", lambda _, byte: out.append(byte))
        self.lib.mcuedit_smp_send(message, len(message), write, self.ffi.NULL)
        return bytes(out).splitlines(keepends=True)


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Line:
    return Line(tmp_path_factory.mktemp("serial"))


@pytest.fixture(autouse=True)
def fresh(line: Line) -> None:
    line.reset()


def encoded(message: bytes, length: int = 127) -> bytes:
    return b"".join(packet.encode(message, length))


def numbers(size: int) -> bytes:
    return bytes(i * 37 % 256 for i in range(size))


FIRST, REST = packet.encode(numbers(150), 127)


@pytest.mark.parametrize("length", [8, 32, 127, 128, 1024])
def test_every_size_arrives(line: Line, length: int) -> None:
    for size in range(CAPACITY - 3):
        assert list(line.feed(encoded(numbers(size), length))) == [numbers(size)]


def test_every_size_is_sent(line: Line) -> None:
    for size in range(600):
        lines = line.send(numbers(size))
        assert all(len(one) <= 127 for one in lines)
        decoder = packet.decode()
        next(decoder)
        for one in lines[:-1]:
            decoder.send(one)
        with pytest.raises(StopIteration) as done:
            decoder.send(lines[-1])
        assert done.value.value == numbers(size)


def test_what_is_sent_can_be_received(line: Line) -> None:
    assert list(line.feed(b"".join(line.send(numbers(256))))) == [numbers(256)]


def test_carriage_returns_are_ignored(line: Line) -> None:
    assert list(line.feed(encoded(numbers(150)).replace(b"\n", b"\r\n"))) == [numbers(150)]


def test_a_message_too_long_is_dropped_and_the_next_one_arrives(line: Line) -> None:
    assert list(line.feed(encoded(numbers(CAPACITY - 3)))) == []
    assert list(line.feed(encoded(b"next"))) == [b"next"]


def test_bytes_are_dropped_while_a_message_waits(line: Line) -> None:
    for byte in encoded(b"first"):
        line.lib.mcuedit_smp_receive(line.receiver, byte)
    for byte in encoded(b"second"):
        assert line.lib.mcuedit_smp_receive(line.receiver, byte) == 1
    size = line.ffi.new("uint32_t *")
    found = line.lib.mcuedit_smp_message(line.receiver, size)
    assert bytes(line.ffi.buffer(found, size[0])) == b"first"
    line.lib.mcuedit_smp_release(line.receiver)
    assert line.lib.mcuedit_smp_message(line.receiver, size) == line.ffi.NULL
    assert list(line.feed(encoded(b"third"))) == [b"third"]


@pytest.mark.parametrize(
    "garbage",
    [
        b"\n",
        b"ask what is it?\n",
        b"\x04\x14AAAA\n",  # a next line without a first
        b"\x06\x09\n",
        b"\x06\x09AA==\n",  # half a length field
        b"\x06\x09AAAA\n",  # a length that leaves no room for a CRC
        b"\x06\x09AAJ=\n",
        b"\x06\x09//8=\n",  # 65,535 bytes to come
        b"\x06\x14AAIAAA==\n",
        b"\x06\x09AAI*AA==\n",
        b"\x06\x09AA=A\n",
        encoded(b"lost")[:-1] + encoded(b"lost too"),  # a line feed is missing
        FIRST,  # the last line is missing
        FIRST + b"noise\n" + REST,
        encoded(b"more than its length says").replace(b"\n", b"AAAA\n"),
    ],
)
def test_garbage_resynchronizes(line: Line, garbage: bytes) -> None:
    assert list(line.feed(garbage)) == []
    assert list(line.feed(encoded(b"next"))) == [b"next"]


def test_every_flipped_bit_of_the_digits_is_found(line: Line) -> None:
    good = encoded(numbers(20))
    for at in range(2, len(good) - 1):
        for bit in range(7):
            bad = good[:at] + bytes([good[at] ^ 1 << bit]) + good[at + 1 :]
            if bad[at] != ord("\r"):
                assert numbers(20) not in list(line.feed(bad)) or bad.count(b"=") != good.count(b"=")
            line.reset()


@settings(max_examples=300, deadline=None)
@given(noise=st.lists(st.one_of(st.binary(max_size=40), st.sampled_from([b"\x06\x09", b"\x04\x14", b"\n", b"AAAA"]))))
def test_any_noise_is_survived(line: Line, noise: list[bytes]) -> None:
    line.reset()
    list(line.feed(b"".join(noise)))
    list(line.feed(b"\n"))
    assert list(line.feed(encoded(b"next"))) == [b"next"]
