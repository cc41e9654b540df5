# SPDX-License-Identifier: Apache-2.0
"""Inputs whose answers a device checks before it trusts a new adapter, sparsely coded (SPEC.md, section 7)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import Int8Array

CHANGED, UNCHANGED = 1, 2
MAX_SELF_TESTS = 4
_SECTION = struct.Struct("<BB")
_SELF_TEST = struct.Struct("<BBHH")
_FAR = 255  # a step that takes no value


@dataclass(frozen=True)
class SelfTest:
    """One input and its answer.

    Attributes:
        kind: CHANGED, the base alone answers otherwise; UNCHANGED, it answers the same.
        answer: the class that the base with the adapter must give.
        steps: int pairs (skip, value): elements left at the input's zero point, then the value of the next one;
            skip 255 leaves 255 elements and takes none.
    """

    kind: int
    answer: int
    steps: tuple[tuple[int, int], ...]

    def expand(self, size: int, zero_point: int) -> Int8Array:
        """The input: int8[size].

        Raises:
            ValueError: a step leads beyond it.
        """
        x = np.full(size, zero_point, np.int8)
        at = 0
        for skip, value in self.steps:
            at += skip
            if skip == _FAR:
                continue
            if at >= size:
                raise ValueError(f"element {at} of {size}")
            x[at] = value
            at += 1
        return x


def sparse(x: Int8Array, zero_point: int, kind: int, answer: int) -> SelfTest:
    """Codes an input, int8 of any shape.

    Raises:
        McueditError: it has more elements than can be told apart.
    """
    flat = x.reshape(-1).astype(int)
    steps: list[tuple[int, int]] = []
    last = -1
    for at in np.flatnonzero(flat != zero_point).tolist():
        far, skip = divmod(at - last - 1, _FAR)
        steps += [(_FAR, 0)] * far + [(skip, int(flat[at]))]
        last = at
    if len(steps) > 0xFFFF:
        raise McueditError(f"a self-test of {len(steps)} elements, at most 65535 fit", "choose another input")
    return SelfTest(kind, answer, tuple(steps))


def encode(self_tests: Sequence[SelfTest]) -> bytes:
    """The self-test section; nothing without self-tests.

    Raises:
        McueditError: there are too many.
    """
    if not self_tests:
        return b""
    if len(self_tests) > MAX_SELF_TESTS:
        raise McueditError(f"{len(self_tests)} self-tests, at most {MAX_SELF_TESTS} fit", "leave some out")
    out = _SECTION.pack(len(self_tests), 0)
    for self_test in self_tests:
        out += _SELF_TEST.pack(self_test.kind, 0, self_test.answer, len(self_test.steps))
        out += b"".join(struct.pack("<Bb", *step) for step in self_test.steps)
    return out + b"\0" * (-len(out) % 4)


def decode(data: bytes) -> tuple[SelfTest, ...]:
    """Reads a self-test section; the empty one has no self-tests.

    Raises:
        ValueError: it is malformed; the text says where.
    """
    if not data:
        return ()
    if len(data) < _SECTION.size:
        raise ValueError("the self-test section is cut short")
    count, zero = _SECTION.unpack_from(data)
    if not 1 <= count <= MAX_SELF_TESTS or zero:
        raise ValueError(f"{count} self-tests")
    self_tests, offset = [], _SECTION.size
    for _ in range(count):
        self_test, offset = _decode(data, offset)
        self_tests.append(self_test)
    if encode(self_tests) != data:
        raise ValueError("the self-test section is not in canonical form")
    return tuple(self_tests)


def _decode(data: bytes, offset: int) -> tuple[SelfTest, int]:
    if offset + _SELF_TEST.size > len(data):
        raise ValueError("a self-test is cut short")
    kind, zero, answer, count = _SELF_TEST.unpack_from(data, offset)
    offset += _SELF_TEST.size
    end = offset + 2 * count
    if kind not in (CHANGED, UNCHANGED) or zero:
        raise ValueError(f"a self-test of kind {kind}")
    if end > len(data):
        raise ValueError("a self-test is cut short")
    steps = tuple(struct.unpack_from("<Bb", data, at) for at in range(offset, end, 2))
    if any(skip == _FAR and value for skip, value in steps) or (steps and steps[-1][0] == _FAR):
        raise ValueError("a self-test has a step to nowhere")
    return SelfTest(kind, answer, steps), end
