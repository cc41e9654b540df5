# SPDX-License-Identifier: Apache-2.0
"""Device bytes of adapters (SPEC.md, section 3)."""

from __future__ import annotations

import struct
import zlib
from dataclasses import fields, replace

import numpy as np
import pytest
from helpers import deltas, tiny

from mcuedit._util.errors import McueditError
from mcuedit.adapter import encoding
from mcuedit.adapter.delta import Adapter, Delta
from mcuedit.model.tflite import Model, parse


def same(one: Delta, other: Delta) -> bool:
    return all(np.array_equal(getattr(one, f.name), getattr(other, f.name)) for f in fields(Delta))


def mixed(model: Model) -> Adapter:
    """An adapter with every kind of delta and two labels, deltas in device order."""
    return deltas.adapter(
        model,
        deltas.delta(model, 0, 0, rank=3, rows=None, gated=False, seed=1),
        deltas.delta(model, 0, 1, bits=4, seed=2),
        deltas.delta(model, 1, 1, rank=2, rows=3, seed=3, conditional=True),
        labels={4: "gitega", 5: "são tomé"},
    )


def sealed(body: bytes, model: Model, count: int = 1) -> bytes:
    """`body` behind a header that is right about it."""
    head = struct.pack("<4sHH8s", b"MCE\x01", count, (20 + len(body)) // 4, model.base_id)
    return head + struct.pack("<I", zlib.crc32(head + body)) + body


def test_every_field_is_where_the_specification_says(tiny_model):
    delta = deltas.delta(tiny_model, 0, 1, rank=1, rows=2)
    data = encoding.encode(deltas.adapter(tiny_model, delta, labels={5: "xy"}), tiny_model)
    factors = (
        struct.pack("<ii", delta.c[0], delta.m[0])
        + delta.a.tobytes()
        + struct.pack("<HHb", *delta.rows, delta.s[0])
        + delta.b.tobytes()
    )
    factors += bytes(-len(factors) % 4)
    words = (20 + len(factors)) // 4
    head = struct.pack("<HHHHHBBbbbbi", 0, 1, 16, 2, words, 1, 1, 0, delta.S, -128, 127, delta.M)
    labels = struct.pack("<HB", 5, 2) + b"xy" + bytes(3)
    assert data == sealed(head + factors + labels, tiny_model)
    assert data[8:16] == bytes.fromhex(tiny_model.sha256)[:8]


def test_overhead_of_one_rank_1_edit_is_40_bytes(tiny_model):
    for bits in (8, 4):
        delta = deltas.delta(tiny_model, 0, 1, bits=bits)
        padding = -delta.factor_bytes % 4
        data = encoding.encode(deltas.adapter(tiny_model, delta), tiny_model)
        assert len(data) == 40 + delta.factor_bytes + padding


def test_int4_rows_are_low_nibble_first_and_padded():
    model = parse(tiny.classifier((7, 8, 6)))
    a = np.array([[1, -1, 7, -7, 0, 3, -4]], np.int8)
    delta = replace(deltas.delta(model, 0, 1, bits=4), a=a, c=np.zeros(1, np.int64))
    data = encoding.encode(deltas.adapter(model, delta), model)
    assert data[48:52].hex() == "f197300c"  # 1 -1, 7 -7, 0 3, -4 and a zero nibble
    assert np.array_equal(encoding.decode(data, model).deltas[0].a, a)


def test_round_trip(tiny_model):
    adapter = mixed(tiny_model)
    data = encoding.encode(adapter, tiny_model)
    found = encoding.decode(data, tiny_model, "name")
    assert all(same(a, b) for a, b in zip(adapter.deltas, found.deltas, strict=True))
    assert (found.name, found.base_sha256, found.labels) == ("name", tiny_model.sha256, adapter.labels)
    assert encoding.encode(found, tiny_model) == data


def test_deltas_are_sorted_by_target_then_tap(tiny_model):
    adapter = mixed(tiny_model)
    turned = replace(adapter, deltas=adapter.deltas[::-1], labels=dict(reversed(adapter.labels.items())))
    assert encoding.encode(turned, tiny_model) == encoding.encode(adapter, tiny_model)


def test_deltas_out_of_order_are_refused(tiny_model):
    data = encoding.encode(replace(mixed(tiny_model), labels={}), tiny_model)
    first = 20 + 4 * struct.unpack_from("<H", data, 28)[0]
    swapped = data[first:] + data[20:first]
    with pytest.raises(McueditError, match="not in canonical form"):
        encoding.decode(sealed(swapped, tiny_model, 3), tiny_model)


def test_every_flipped_byte_and_every_cut_is_refused(tiny_model):
    data = encoding.encode(mixed(tiny_model), tiny_model)
    for at in range(len(data)):
        for mask in (0x01, 0x80, 0xFF):
            with pytest.raises(McueditError):
                encoding.decode(data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :], tiny_model)
        with pytest.raises(McueditError):
            encoding.decode(data[:at], tiny_model)
    for more in (b"\0", b"\0\0\0\0", data):
        with pytest.raises(McueditError, match="length field"):
            encoding.decode(data + more, tiny_model)


def test_padding_must_be_zero_even_under_a_good_crc(tiny_model):
    """One adapter has one form: bytes that carry nothing carry zeros."""
    data = encoding.encode(mixed(tiny_model), tiny_model)
    parsed = encoding.decode(data, tiny_model)
    quiet = 0
    for at in range(20, len(data)):
        changed = data[20:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]
        try:
            found = encoding.decode(sealed(changed, tiny_model, 3), tiny_model)
        except McueditError:
            continue
        quiet += found.labels == parsed.labels and all(map(same, found.deltas, parsed.deltas))
    assert quiet == 0


def test_other_base(tiny_model):
    data = encoding.encode(mixed(tiny_model), tiny_model)
    other = parse(tiny.classifier(seed=1))
    with pytest.raises(McueditError, match="for another base") as caught:
        encoding.decode(data, other)
    assert tiny_model.sha256[:16] in caught.value.message
    assert other.sha256[:16] in caught.value.message
    with pytest.raises(McueditError, match="for another base"):
        encoding.encode(mixed(tiny_model), other)


@pytest.mark.parametrize(
    ("labels", "message"),
    [({4: ""}, "0 bytes"), ({4: "x" * 256}, "256 bytes"), ({4: "é" * 128}, "256 bytes")],
)
def test_labels_that_do_not_fit(tiny_model, labels, message):
    with pytest.raises(McueditError, match=message):
        encoding.encode(replace(mixed(tiny_model), labels=labels), tiny_model)


@pytest.mark.parametrize(
    "raw",
    [
        struct.pack("<HB", 6, 1) + b"x",  # the base has classes 0..5
        struct.pack("<HB", 4, 0) + b"\0",
        struct.pack("<HB", 4, 9) + b"abcd" + b"\0",  # cut short
        struct.pack("<HB", 4, 1) + b"\xff",  # no UTF-8
        struct.pack("<HB", 4, 1) + b"a" + struct.pack("<HB", 4, 1) + b"b",  # one class twice
        bytes(4),
    ],
)
def test_malformed_labels(tiny_model, raw):
    body = encoding.encode(deltas.adapter(tiny_model, deltas.delta(tiny_model, 0, 1)), tiny_model)[20:]
    with pytest.raises(McueditError, match="refused"):
        encoding.decode(sealed(body + raw, tiny_model), tiny_model)


@pytest.mark.parametrize("count", [0, 2])
def test_wrong_number_of_deltas(tiny_model, count):
    body = encoding.encode(deltas.adapter(tiny_model, deltas.delta(tiny_model, 0, 1)), tiny_model)[20:]
    with pytest.raises(McueditError, match="refused"):
        encoding.decode(sealed(body, tiny_model, count), tiny_model)


def test_an_adapter_without_deltas_is_not_written(tiny_model):
    with pytest.raises(McueditError, match="no delta"):
        encoding.encode(deltas.adapter(tiny_model), tiny_model)


def test_too_large(tiny_model):
    many = [deltas.delta(tiny_model, 0, 1, rank=255, rows=None, seed=i) for i in range(36)]
    with pytest.raises(McueditError, match="at most 262140 fit"):
        encoding.encode(deltas.adapter(tiny_model, *many), tiny_model)


def test_spare_labels_beyond_the_base_are_not_written(tiny_model):
    with pytest.raises(McueditError, match="class 6"):
        encoding.encode(replace(mixed(tiny_model), labels={6: "x"}), tiny_model)
