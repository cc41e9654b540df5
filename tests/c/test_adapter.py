# SPDX-License-Identifier: Apache-2.0
"""What the reader in C refuses, and that the one in Python refuses the same."""

from __future__ import annotations

import ctypes
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from helpers.deltas import adapter, delta
from helpers.native import Native

from mcuedit._util.errors import McueditError
from mcuedit.adapter.delta import serving
from mcuedit.adapter.encoding import decode, encode
from mcuedit.conformance.netbuilder import NetBuilder
from mcuedit.model.bundle import Base
from mcuedit.model.tflite import Model, parse

HEADER, C = 20, 20  # of the adapter; of the factors in a delta
Raw = bytearray


def recrc(raw: bytes) -> bytes:
    """The bytes with a CRC that fits."""
    return raw[:16] + struct.pack("<I", zlib.crc32(raw[20:], zlib.crc32(raw[:16]))) + raw[20:]


def put(fmt: str, at: int, value: int) -> Callable[[Raw], None]:
    """Overwrites a field."""
    return lambda raw: struct.pack_into(fmt, raw, at, value)


def in_delta(fmt: str, at: int, value: int) -> Callable[[Raw], None]:
    """Overwrites a field of the first delta."""
    return put(fmt, HEADER + at, value)


@pytest.fixture(scope="module")
def sample(net: Native) -> bytes:
    """Two deltas, the first int8 and sparse with a padding byte before its rows, and two labels."""
    first, second = delta(net.model, 2, 2, rows=2), delta(net.model, 2, 2, bits=4, rank=2, rows=None)
    return encode(adapter(net.model, first, second, labels={3: "owl", 5: "pé"}), net.model)


def refused(net: Native, raw: bytes) -> str:
    """Error name in C of bytes that Python refuses."""
    with pytest.raises(McueditError):
        decode(raw, net.model)
    return net.open(raw)[0]


def test_sample_is_accepted(net: Native, sample: bytes) -> None:
    assert net.open(sample)[0] == "OK"
    assert len(decode(sample, net.model).deltas) == 2


def test_an_adapter_states_its_size(net: Native, sample: bytes) -> None:
    """A slot of flash has no other note of it."""
    assert net.stated_size(sample + 64 * b"\xff") == len(sample)
    for nothing in (64 * b"\xff", bytes(64), sample[4:], b"MCE\x02" + sample[4:]):
        assert net.stated_size(nothing) == 0


def test_every_flipped_bit_is_refused(net: Native, sample: bytes) -> None:
    for i in range(8 * len(sample)):
        raw = Raw(sample)
        raw[i // 8] ^= 1 << i % 8
        assert net.open(bytes(raw))[0] in ("E_MAGIC", "E_SIZE", "E_CRC"), i
    for i in range(len(sample)):
        raw = Raw(sample)
        raw[i] ^= 0xFF
        assert refused(net, bytes(raw)) in ("E_MAGIC", "E_SIZE", "E_CRC"), i


def test_every_cut_and_every_tail_is_refused(net: Native, sample: bytes) -> None:
    for n in range(len(sample)):
        assert refused(net, sample[:n]) == "E_SIZE", n
    for n in range(1, 9):
        assert refused(net, sample + bytes(n)) == "E_SIZE", n


def test_every_cut_with_fitting_length_and_crc_is_refused(net: Native, sample: bytes) -> None:
    """The lengths inside must stop the reader even where the outer ones agree."""
    labels = len(encode(adapter(net.model, *decode(sample, net.model).deltas), net.model))
    for n in range(HEADER, len(sample), 4):
        raw = Raw(sample[:n])
        struct.pack_into("<H", raw, 6, n // 4)
        if n != labels:  # where only the labels are gone, the rest is an adapter
            assert net.open(recrc(bytes(raw)))[0] in ("E_SIZE", "E_LABEL"), n


def test_changes_behind_a_fitting_crc_never_crash(net: Native, sample: bytes) -> None:
    """Any byte, any value that tends to matter: C and Python agree on what is an adapter."""
    for i in [*range(4, 8), *range(20, len(sample))]:
        for value in (0, 1, 0x7F, 0x80, 0xFF, sample[i] ^ 1):
            raw = Raw(sample)
            raw[i] = value
            data = recrc(bytes(raw))
            accepted = net.open(data)[0] == "OK"
            try:
                decode(data, net.model)
            except McueditError:
                assert not accepted, (i, value)
            else:
                assert accepted == served(net.model, data), (i, value)


def served(model: Model, data: bytes) -> bool:
    """Whether generated code serves deltas where an adapter has some, without being asked for it."""
    return serving(model, [decode(data, model)]) is model


def test_address_must_be_aligned(net: Native, sample: bytes) -> None:
    place = ctypes.create_string_buffer(bytes(3) + sample + bytes(8))
    start = (ctypes.addressof(place) + 3) & ~3
    for off in (1, 2, 3):
        code = net.lib.mcuedit_adapter_open(
            net._allocate("adapter"), net.base, ctypes.c_void_p(start + off), len(sample)
        )
        assert net.name(code) == "E_ALIGN"


def test_failure_leaves_the_adapter(net: Native, sample: bytes) -> None:
    view = net._allocate("adapter")
    before = bytes(view)
    flash = (ctypes.c_uint32 * (len(sample) // 4))()
    bad = recrc(sample[:-1] + b"x")
    ctypes.memmove(flash, bad, len(bad))
    assert net.name(net.lib.mcuedit_adapter_open(view, net.base, flash, len(bad))) != "OK"
    assert bytes(view) == before


# The first delta of `sample`: n_in 11, so A ends at 39, padding 39, rows 40..43, s 44, B 45..46, padding 47.
FIELDS = {
    "magic": (put("<B", 0, 0x4E), "E_MAGIC"),
    "format version": (put("<B", 3, 2), "E_MAGIC"),
    "no delta": (put("<H", 4, 0), "E_FIELD"),
    "base": (put("<B", 8, 1), "E_BASE"),
    "tap after target": (in_delta("<H", 0, 3), "E_GEOMETRY"),
    "tap of another width": (in_delta("<H", 0, 1), "E_GEOMETRY"),
    "target that does not exist": (in_delta("<H", 2, 4), "E_GEOMETRY"),
    "target that cannot carry": (in_delta("<H", 2, 3), "E_GEOMETRY"),
    "n_in": (in_delta("<H", 4, 12), "E_GEOMETRY"),
    "no rows": (in_delta("<H", 6, 0), "E_GEOMETRY"),
    "too many rows": (in_delta("<H", 6, 8), "E_GEOMETRY"),
    "one row less": (in_delta("<H", 6, 1), "E_SIZE"),
    "one word less": (in_delta("<H", 8, 11), "E_SIZE"),
    "one word more": (in_delta("<H", 8, 13), "E_SIZE"),
    "beyond the end": (in_delta("<H", 8, 0xFFFF), "E_SIZE"),
    "rank 0": (in_delta("<B", 10, 0), "E_FIELD"),
    "rank 2": (in_delta("<B", 10, 2), "E_SIZE"),
    "unknown flag": (in_delta("<B", 11, 0x21), "E_FIELD"),
    "windows in rows of 11": (in_delta("<B", 11, 0x09), "E_GEOMETRY"),
    "dense with 2 rows of 7": (in_delta("<B", 11, 0x05), "E_GEOMETRY"),
    "int4": (in_delta("<B", 11, 0x03), "E_SIZE"),
    "zero point": (in_delta("<b", 12, -127), "E_GEOMETRY"),
    "S above 0": (in_delta("<b", 13, 1), "E_FIELD"),
    "S below -31": (in_delta("<b", 13, -32), "E_FIELD"),
    "act_lo": (in_delta("<b", 14, -127), "E_GEOMETRY"),
    "act_hi": (in_delta("<b", 15, 126), "E_GEOMETRY"),
    "M below 2^30": (in_delta("<i", 16, (1 << 30) - 1), "E_FIELD"),
    "M negative": (in_delta("<i", 16, -(1 << 31)), "E_FIELD"),
    "c far too large": (in_delta("<i", C, (1 << 31) - 1), "E_BOUND"),
    "c far too small": (in_delta("<i", C, -(1 << 31)), "E_BOUND"),
    "m below 2^30": (in_delta("<i", C + 4, 1), "E_FIELD"),
    "m negative": (in_delta("<i", C + 4, -1), "E_FIELD"),
    "A of -128": (in_delta("<b", C + 8, -128), "E_FIELD"),
    "padding before the rows": (in_delta("<B", 39, 1), "E_FIELD"),
    "row twice": (lambda raw: raw.__setitem__(slice(62, 64), raw[60:62]), "E_FIELD"),
    "rows descend": (lambda raw: struct.pack_into("<HH", raw, 60, 5, 2), "E_FIELD"),
    "row that does not exist": (in_delta("<H", 42, 7), "E_GEOMETRY"),
    "s above 0": (in_delta("<b", 44, 1), "E_FIELD"),
    "s below -31": (in_delta("<b", 44, -32), "E_FIELD"),
    "B of -128": (in_delta("<b", 46, -128), "E_FIELD"),
    "padding behind B": (in_delta("<B", 47, 1), "E_FIELD"),
}


@pytest.mark.parametrize("field", FIELDS)
def test_field_rules(net: Native, sample: bytes, field: str) -> None:
    change, error = FIELDS[field]
    raw = Raw(sample)
    change(raw)
    assert raw != sample
    assert refused(net, recrc(bytes(raw))) == error


# The second delta of `sample`: 48 bytes on, int4, rank 2, n_in 11: A at 56 + 36, six bytes a row.
def test_int4_rules(net: Native, sample: bytes) -> None:
    a = HEADER + 48 + C + 16
    for at, low, high in ((a, 8, 1), (a, 1, 8), (a + 5, 1, 1), (a + 11, 3, 0xF)):
        raw = Raw(sample)
        raw[at] = low | high << 4
        assert refused(net, recrc(bytes(raw))) == "E_FIELD"


# Two rows with a window of 4 of 11 elements; in int8 they take 8 bytes from 56 on, in int4 6.
@pytest.fixture(scope="module", params=[8, 4])
def windowed(net: Native, request: pytest.FixtureRequest) -> tuple[bytes, int]:
    """The bytes, and those of a row."""
    made = delta(net.model, 2, 2, rank=2, bits=request.param, width=4)
    return encode(adapter(net.model, made), net.model), 4 + request.param // 2


def test_windows_are_read_to_the_end_of_the_row(net: Native, windowed: tuple[bytes, int]) -> None:
    """The first of the sample ends where the row does, the other one anywhere."""
    data, pitch = windowed
    first = HEADER + C + 16
    assert struct.unpack_from("<HH", data, first) == (7, 4)
    for at in range(8):
        raw = Raw(data)
        struct.pack_into("<H", raw, first + pitch, at)
        assert net.open(recrc(bytes(raw)))[0] == "OK"
        assert decode(recrc(bytes(raw)), net.model).deltas[0].first.tolist() == [7, at]


@pytest.mark.parametrize("row", [0, 1])
@pytest.mark.parametrize(
    ("at", "value"),
    [(0, 8), (0, 12), (0, 0x7FFF), (0, 0xFFFC), (0, 0xFFFF), (2, 0), (2, 3), (2, 5), (2, 8), (2, 0xFFFF)],
)
def test_windows_beyond_the_row_and_of_another_width_are_refused(
    net: Native, windowed: tuple[bytes, int], row: int, at: int, value: int
) -> None:
    data, pitch = windowed
    raw = Raw(data)
    struct.pack_into("<H", raw, HEADER + C + 16 + row * pitch + at, value)
    assert refused(net, recrc(bytes(raw))) == "E_GEOMETRY"


def test_rows_too_short_for_what_tells_of_a_window_are_refused(net: Native) -> None:
    for bits, elements in ((8, range(4)), (4, range(8))):
        for n_in in elements:
            pitch = n_in if bits == 8 else (n_in + 1) // 2
            factors = struct.pack("<iI", 0, 1 << 30) + bytes(pitch) + bytes(pitch % 2) + struct.pack("<Hbb", 3, 0, 1)
            factors += bytes(-len(factors) % 4)
            good = encode(adapter(net.model, delta(net.model, 2, 2, rows=1, bits=bits, width=4)), net.model)
            raw = Raw(good[: HEADER + C] + factors)
            struct.pack_into("<H", raw, HEADER + 4, n_in)
            struct.pack_into("<H", raw, HEADER + 8, (C + len(factors)) // 4)
            struct.pack_into("<H", raw, 6, len(raw) // 4)
            assert refused(net, recrc(bytes(raw))) == "E_GEOMETRY", (bits, n_in)


def test_changes_of_windows_behind_a_fitting_crc_never_crash(net: Native, windowed: tuple[bytes, int]) -> None:
    test_changes_behind_a_fitting_crc_never_crash(net, windowed[0])


def test_deltas_are_in_order(net: Native) -> None:
    first, second = delta(net.model, 1, 1), delta(net.model, 1, 2)
    raw = encode(adapter(net.model, first, second), net.model)
    middle = HEADER + 4 * struct.unpack_from("<H", raw, HEADER + 8)[0]
    assert net.open(raw)[0] == "OK"
    assert refused(net, recrc(raw[:HEADER] + raw[middle:] + raw[HEADER:middle])) == "E_FIELD"


# Op 1 has 16 inputs with zero point -128: with A all 127, sum |A| is 2032.
FOLDED = (1 << 31) - 1 - 128 * 2032  # largest |c| by the folded bound
PLAIN = (1 << 31) - 1 - (128 + 255) * 2032  # by the other one, where zx * sum A has the sign of c


@pytest.mark.parametrize(("a", "c"), [(127, FOLDED), (127, -PLAIN), (-127, PLAIN), (-127, -FOLDED)])
def test_bounds_are_exact(net: Native, a: int, c: int) -> None:
    it = delta(net.model, 1, 1)
    largest = type(it)(**{**vars(it), "a": np.full_like(it.a, a), "c": np.array([c], np.int64)})
    raw = encode(adapter(net.model, largest), net.model)
    assert net.open(raw)[0] == "OK"
    beyond = Raw(raw)
    struct.pack_into("<i", beyond, HEADER + C, c + (1 if c > 0 else -1))
    assert refused(net, recrc(bytes(beyond))) == "E_BOUND"


def test_tap_before_target_needs_one_row(tmp_path_factory: pytest.TempPathFactory) -> None:
    net = NetBuilder()
    x = graph_input = net.tensor("x", [1, 2, 6], 1 / 16, 0)
    for i in range(2):
        w = net.constant(f"w{i}", np.ones((6, 6), np.int8), np.full(1, 0.01))
        y = net.tensor(f"y{i}", [1, 2, 6], 1 / 16, 0)
        net.op("FULLY_CONNECTED", [x, w, -1], y)
        x = y
    model = parse(net.pack(graph_input, x), "rows")
    rows = Native(Base("rows", model), tmp_path_factory.mktemp("rows"))
    raw = Raw(encode(adapter(model, delta(model, 0, 0)), model))
    assert rows.open(bytes(raw))[0] == "OK"
    struct.pack_into("<H", raw, HEADER + 2, 1)
    assert refused(rows, recrc(bytes(raw))) == "E_GEOMETRY"


BAD_LABELS = {
    "classes descend": b"\x03\x00\x01a\x02\x00\x01b",
    "class twice": b"\x03\x00\x01a\x03\x00\x01b",
    "class that does not exist": b"\x07\x00\x01a",
    "empty": b"\x03\x00\x00\x00",
    "beyond the end": b"\x03\x00\x06abcde",
    "padding": b"\x03\x00\x02ab\x00\x00\x01",
    "four bytes of padding": b"\x03\x00\x01a\x00\x00\x00\x00",
    "stray continuation": b"\x03\x00\x01\x80",
    "cut sequence": b"\x03\x00\x01\xc3",
    "overlong": b"\x03\x00\x02\xc0\x80\x00\x00\x00",
    "overlong of three": b"\x03\x00\x03\xe0\x80\x80\x00\x00",
    "surrogate": b"\x03\x00\x03\xed\xa0\x80\x00\x00",
    "above U+10FFFF": b"\x03\x00\x04\xf4\x90\x80\x80\x00",
    "lead above F4": b"\x03\x00\x04\xf5\x80\x80\x80\x00",
}


def with_labels(net: Native, labels: bytes) -> bytes:
    raw = Raw(encode(adapter(net.model, delta(net.model, 1, 1)), net.model) + labels)
    struct.pack_into("<H", raw, 6, len(raw) // 4)
    return recrc(bytes(raw))


@pytest.mark.parametrize("case", BAD_LABELS)
def test_label_rules(net: Native, case: str) -> None:
    assert len(BAD_LABELS[case]) % 4 == 0
    assert refused(net, with_labels(net, BAD_LABELS[case])) == "E_LABEL"


@pytest.mark.parametrize("text", ["a", "é", "ß€😀", "\U0010ffff\ue000\ud7ff", "x" * 255])
def test_labels_are_read_back(net: Native, text: str) -> None:
    error, view = net.open(encode(adapter(net.model, delta(net.model, 1, 1), labels={0: "first", 6: text}), net.model))
    assert error == "OK"
    assert net.activate([view]) == "OK"
    assert (net.label(0), net.label(3), net.label(6)) == ("first", None, text)
    net.activate([])
