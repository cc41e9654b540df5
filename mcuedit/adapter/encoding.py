# SPDX-License-Identifier: Apache-2.0
"""Adapter <-> device bytes (SPEC.md, section 3)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import Int8Array, IntArray
from mcuedit.adapter.delta import Adapter, Delta, check_adapter, other_base
from mcuedit.model.adaptable import tap_geometry, tap_name
from mcuedit.model.tflite import Model

MAGIC = b"MCE\x01"
HEADER = struct.Struct("<4sHH8sI")
DELTA = struct.Struct("<HHHHHBBbbbbi")
LABEL = struct.Struct("<HB")
_CRC_AT = 16
_GATED, _INT4, _DENSE, _WINDOWS, _CONDITIONAL = 1, 2, 4, 8, 16
_WINDOW = struct.Struct("<HH")


def encode(adapter: Adapter, model: Model) -> bytes:
    """Device bytes of an adapter, deterministic.

    Raises:
        McueditError: the adapter is for another base, does not fit it, or is too large.
    """
    check_adapter(adapter, model)
    if not adapter.deltas:
        raise McueditError(f"adapter {adapter.name}: no delta", "train it on at least one edit")
    deltas = sorted(adapter.deltas, key=lambda d: (d.target, d.tap))
    body = b"".join(map(_encode_delta, deltas)) + _encode_labels(adapter.labels, model.output.size)
    size = HEADER.size + len(body)
    if size // 4 > 0xFFFF or len(deltas) > 0xFFFF:
        raise McueditError(f"adapter {adapter.name}: {size} bytes, at most {0xFFFF * 4} fit", "split it in two")
    head = HEADER.pack(MAGIC, len(deltas), size // 4, model.base_id, 0)[:_CRC_AT]
    return head + struct.pack("<I", zlib.crc32(body, zlib.crc32(head))) + body


def check(data: bytes, name: str) -> tuple[int, bytes]:
    """Checks of device bytes what takes no base: magic, length and CRC.

    Returns:
        The number of deltas, and the identity of the base they are for.

    Raises:
        McueditError: they are corrupted or truncated.
    """
    if len(data) < HEADER.size:
        raise _refused(name, f"{len(data)} bytes are less than a header")
    magic, count, words, base_id, crc = HEADER.unpack_from(data)
    if magic != MAGIC:
        raise _refused(name, f"magic {magic.hex()} is not that of a version 1 adapter")
    if words * 4 != len(data):
        raise _refused(name, f"{len(data)} bytes, its length field says {words * 4}")
    if crc != zlib.crc32(data[HEADER.size :], zlib.crc32(data[:_CRC_AT])):
        raise _refused(name, "CRC mismatch")
    return count, base_id


def parts(data: bytes) -> dict[str, int]:
    """Bytes of device bytes that were checked, by what they are for: header, factors (with padding) and labels."""
    count, offset = HEADER.unpack_from(data)[1], HEADER.size
    for _ in range(count):
        offset += 4 * DELTA.unpack_from(data, offset)[4]
    header = HEADER.size + count * DELTA.size
    return {"header": header, "factors": offset - header, "labels": len(data) - offset}


def decode(data: bytes, model: Model, name: str = "adapter") -> Adapter:
    """Reads and checks device bytes as firmware does.

    Raises:
        McueditError: corrupted, truncated, not canonical, or not for this base.
    """
    count, base_id = check(data, name)
    if base_id != model.base_id:
        raise other_base(base_id.hex(), model.sha256)
    if not count:
        raise _refused(name, "no delta")
    deltas, offset = list[Delta](), HEADER.size
    for _ in range(count):
        delta, offset = _decode_delta(data, offset, model, name)
        deltas.append(delta)
    labels = dict(_decode_labels(data[offset:], model, name))
    adapter = Adapter(name, "", model.sha256, tuple(deltas), labels)
    if encode(adapter, model) != data:
        raise _refused(name, "not in canonical form")
    return adapter


def _encode_delta(delta: Delta) -> bytes:
    flags = _GATED * delta.gated | _INT4 * (delta.bits == 4) | _DENSE * (delta.rows is None)
    flags |= _WINDOWS * (delta.first is not None) | _CONDITIONAL * delta.conditional
    factors = delta.c.astype("<i4").tobytes() + delta.m.astype("<i4").tobytes() + _pack_a(delta)
    if delta.rows is not None:
        factors += b"\0" * (len(factors) % 2) + delta.rows.astype("<u2").tobytes()
    factors += delta.s.astype("i1").tobytes() + delta.b.tobytes()
    factors += b"\0" * (-len(factors) % 4)
    words = (DELTA.size + len(factors)) // 4
    if words > 0xFFFF:
        raise McueditError(
            f"delta {tap_name(delta.tap)} -> {delta.target}: {words * 4} bytes are too many", "lower the rank"
        )
    head = DELTA.pack(
        delta.tap,
        delta.target,
        delta.a.shape[1] if delta.first is None else delta.width + _window_elements(delta.bits),
        len(delta.b),
        words,
        delta.rank,
        flags,
        delta.zx,
        delta.S,
        delta.act_lo,
        delta.act_hi,
        delta.M,
    )
    return head + factors


def _pack_a(delta: Delta) -> bytes:
    if delta.first is None:
        return _pack_rows(delta.a, delta.bits)
    parts = zip(delta.a, delta.first.tolist(), strict=True)
    rows = ((first, a[first : first + delta.width]) for a, first in parts)
    return b"".join(_WINDOW.pack(first, delta.width) + _pack_rows(a[None], delta.bits) for first, a in rows)


def _pack_rows(a: Int8Array, bits: int) -> bytes:
    if bits == 8:
        return a.tobytes()
    padded = np.pad(a, ((0, 0), (0, a.shape[1] % 2))).view(np.uint8) & 0xF
    return (padded[:, 0::2] | padded[:, 1::2] << 4).astype(np.uint8).tobytes()


def _window_elements(bits: int) -> int:
    """Elements of A that would take the place of what says where a window is."""
    return _WINDOW.size * 8 // bits


def _decode_delta(data: bytes, start: int, model: Model, name: str) -> tuple[Delta, int]:
    if start + DELTA.size > len(data):
        raise _refused(name, "a delta is cut short")
    tap, target, n_in, n_rows, words, rank, flags, zx, S, act_lo, act_hi, M = DELTA.unpack_from(data, start)
    end, offset = start + words * 4, start + DELTA.size
    bits, dense = (4 if flags & _INT4 else 8), bool(flags & _DENSE)
    if flags & ~(_GATED | _INT4 | _DENSE | _WINDOWS | _CONDITIONAL):
        raise _refused(name, f"unknown flags {flags:#x}")

    def take(dtype: str, count: int) -> np.ndarray:
        nonlocal offset
        size = count * np.dtype(dtype).itemsize
        if offset + size > min(end, len(data)):
            raise _refused(name, "the factors of a delta are cut short")
        offset += size
        return np.frombuffer(data, dtype, count, offset - size)

    c, m = take("<i4", rank).astype(np.int64), take("<i4", rank).astype(np.int64)
    row_bytes = n_in if bits == 8 else (n_in + 1) // 2
    packed = take("u1", rank * row_bytes).reshape(rank, row_bytes)
    if flags & _WINDOWS:
        a, first, width = _unpack_windows(packed, n_in, bits, tap_geometry(model, tap).n_in, name)
    else:
        a, first, width = _unpack_a(packed, n_in, bits), None, 0
    if not dense:
        take("u1", offset % 2)
    rows = None if dense else take("<u2", n_rows).astype(np.int64)
    s = take("i1", rank).astype(np.int64)
    b = take("i1", n_rows * rank).reshape(n_rows, rank)
    take("u1", -offset % 4)
    if offset != end:
        raise _refused(name, "a delta is longer than its factors")
    gated, conditional = bool(flags & _GATED), bool(flags & _CONDITIONAL)
    return Delta(
        tap, target, a, c, m, s, b, rows, M, S, gated, bits, zx, act_lo, act_hi, first, width, conditional
    ), end


def _unpack_windows(packed: np.ndarray, n_in: int, bits: int, whole: int, name: str) -> tuple[Int8Array, IntArray, int]:
    """Rows of `whole` elements, where their windows begin, and how wide they are."""
    width = n_in - _window_elements(bits)
    if packed.shape[1] < _WINDOW.size or n_in % 4:
        raise _refused(name, f"rows of A with windows of {width} elements")
    first, widths = (packed[:, at : at + 2].copy().view("<u2")[:, 0].astype(np.int64) for at in (0, 2))
    if (widths != width).any() or (first + width > whole).any():
        raise _refused(name, "a window of A lies beyond the tap's input")
    a = np.zeros((len(packed), whole), np.int8)
    for row, start, values in zip(a, first, _unpack_a(packed[:, _WINDOW.size :], width, bits), strict=True):
        row[start : start + width] = values
    return a, first, width


def _unpack_a(packed: np.ndarray, n_in: int, bits: int) -> np.ndarray:
    if bits == 8:
        return packed.view(np.int8)
    nibbles = np.stack([packed & 0xF, packed >> 4], axis=-1).reshape(len(packed), 2 * packed.shape[1])[:, :n_in]
    return np.where(nibbles > 7, nibbles.astype(np.int16) - 16, nibbles).astype(np.int8)


def _encode_labels(labels: dict[int, str], classes: int) -> bytes:
    out = b""
    for index, text in sorted(labels.items()):
        raw = text.encode()
        if not 0 <= index < classes:
            raise McueditError(f"label {text!r} is for class {index}", f"classes of this base are 0..{classes - 1}")
        if not 1 <= len(raw) <= 255:
            raise McueditError(f"label {text!r} has {len(raw)} bytes", "use 1 to 255")
        out += LABEL.pack(index, len(raw)) + raw
    return out + b"\0" * (-len(out) % 4)


def _decode_labels(data: bytes, model: Model, name: str) -> Iterator[tuple[int, str]]:
    offset, last = 0, -1
    while len(data) - offset > LABEL.size:
        index, length = LABEL.unpack_from(data, offset)
        raw = data[offset + LABEL.size : offset + LABEL.size + length]
        if not last < index < model.classes or length == 0 or len(raw) != length:
            raise _refused(name, f"malformed label of class {index}")
        try:
            yield index, raw.decode()
        except UnicodeDecodeError as error:
            raise _refused(name, f"label of class {index} is not UTF-8") from error
        offset, last = offset + LABEL.size + length, index


def _refused(name: str, why: str) -> McueditError:
    return McueditError(f"{name}: refused: {why}", "copy it again from its source, or emit it again")
