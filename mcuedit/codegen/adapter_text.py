# SPDX-License-Identifier: Apache-2.0
"""Device bytes of an adapter as C: hexadecimal, a comment for each field (docs/spec/adapter.md)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mcuedit.adapter.delta import Adapter, Delta
from mcuedit.adapter.encoding import DELTA, HEADER, LABEL
from mcuedit.codegen import literals
from mcuedit.codegen.names import comment

_BESIDE = 8  # bytes of a field whose comment stands behind them; that of a longer one stands above
_HEADER = (
    ("magic and format", 4),
    ("deltas: {}", 2),
    ("words: {}", 2),
    ("base", 8),
    ("CRC-32", 4),
)
_DELTA = (
    ("tap: op {}", 2),
    ("target: op {}", 2),
    ("n_in: {}", 2),
    ("n_rows: {}", 2),
    ("words: {}", 2),
    ("rank {}", 1),
    ("flags: {}", 1),
    ("zero point of the tap's input: {}", 1),
    ("S: {}", 1),
    ("output at least {}", 1),
    ("output at most {}", 1),
    ("M: {}", 4),
)
_FLAGS = ("gated", "A is int4", "B is dense", "A has windows", "conditional")


def adapter_text(raw: bytes, adapter: Adapter) -> str:
    """The elements of a uint8_t array of the bytes that `adapter` was encoded to."""
    return "".join(_line(what, data) for what, data in _fields(raw, adapter))


def _line(what: str, data: bytes) -> str:
    if not data:
        return f"\n    /* {what} */\n"
    values = literals.hexadecimal(data)
    if len(data) <= _BESIDE:
        return f"{values[:-1]} /* {what} */\n"
    return f"    /* {what} */\n{values}"


def _fields(raw: bytes, adapter: Adapter) -> Iterator[tuple[str, bytes]]:
    """What stands where; of a heading, no bytes."""
    rest = _Reader(raw)
    yield from rest.take(_HEADER, HEADER.unpack_from(raw))
    for index, delta in enumerate(sorted(adapter.deltas, key=lambda d: (d.target, d.tap))):
        yield f"Delta {index}", b""
        start = rest.at
        values = list(DELTA.unpack_from(raw, start))
        values[6] = ", ".join(flag for bit, flag in enumerate(_FLAGS) if values[6] >> bit & 1) or "none"
        yield from rest.take(_DELTA, values)
        yield from _factors(rest, delta)
        if padding := rest.next(start + 4 * values[4] - rest.at):
            yield "up to a word", padding
    if rest.at < len(raw):
        yield "Labels", b""
        yield from _labels(rest, adapter)


def _factors(rest: _Reader, delta: Delta) -> Iterator[tuple[str, bytes]]:
    start = rest.at
    rank, width = delta.a.shape[0], delta.a.shape[1] if delta.first is None else delta.width
    row = width if delta.bits == 8 else (width + 1) // 2
    for name, values in (("c", delta.c), ("m", delta.m)):
        for k in range(rank):
            yield f"{name} of factor {k}: {values[k]}", rest.next(4)
    for k in range(rank):
        if delta.first is not None:
            yield f"row {k} of A: elements {delta.first[k]} to {delta.first[k] + width - 1}", rest.next(4)
        yield f"row {k} of A", rest.next(row)
    if delta.rows is not None:
        if (rest.at - start) % 2:
            yield "up to an even offset", rest.next(1)
        yield "rows of B are outputs " + _some(delta.rows.tolist()), rest.next(2 * len(delta.rows))
    yield "s", rest.next(rank)
    yield "B, " + ("a number" if rank == 1 else f"{rank} numbers") + " for each row", rest.next(delta.b.size)


def _labels(rest: _Reader, adapter: Adapter) -> Iterator[tuple[str, bytes]]:
    for index, text in sorted(adapter.labels.items()):
        yield f"class {index}: {comment(text)}", rest.next(LABEL.size + len(text.encode()))
    if rest.left:
        yield "up to a word", rest.next(rest.left)


def _some(values: list[int]) -> str:
    """A few of them, so that a comment stays one line."""
    return ", ".join(map(str, values)) if len(values) <= 8 else f"{values[0]} to {values[-1]}, {len(values)} of them"


class _Reader:
    """Takes bytes one field after the other."""

    def __init__(self, raw: bytes) -> None:
        self._raw, self.at = raw, 0

    @property
    def left(self) -> int:
        return len(self._raw) - self.at

    def next(self, size: int) -> bytes:
        self.at += size
        return self._raw[self.at - size : self.at]

    def take(self, layout: tuple[tuple[str, int], ...], values: Sequence[object]) -> Iterator[tuple[str, bytes]]:
        for (what, size), value in zip(layout, values, strict=True):
            yield what.format(value), self.next(size)
