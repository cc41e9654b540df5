# SPDX-License-Identifier: Apache-2.0
"""Deltas, adapters and their integer arithmetic (SPEC.md, section 2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import BoolArray, Int8Array, IntArray
from mcuedit.model.adaptable import OUTPUT, is_weighted, op_geometry, tap_geometry, tap_name, tap_op
from mcuedit.model.fixedpoint import dot, mbqm
from mcuedit.model.tflite import Model

D_MAX = 255  # |d| that takes any int8 to any other
WINDOW_BYTES = 4  # of a row of A that say where its window is
_INT31 = 1 << 31


@dataclass(frozen=True)
class Delta:
    """The factors of one tap and one target.

    Attributes:
        tap, target: op indices, tap <= target; a tap at the target may have OUTPUT added: it then reads its output.
        a: int8[r, n_in].
        c: int64[r], gate offsets folded with the tap's zero point: c - zx * sum_j A_kj.
        m, s: int64[r], multiplier and shift of each factor's requantization.
        b: int8[n_rows, r], the stored rows of B.
        rows: int64[n_rows], ascending indices of those rows; None when all rows are stored.
        M, S: multiplier and shift of the output's requantization.
        gated: h is clamped at 0 below.
        bits: 8 or 4, width of an element of A.
        zx: zero point of the tap's input.
        act_lo, act_hi: fused activation range of the target in its output quantization.
        first: int64[r], where the window of each row of A begins; None where rows are stored whole.
        width: elements of a window, the same in all rows. A is 0 outside.
        conditional: it acts only where it lowers the (first) largest element of a row of the target's output.
    """

    tap: int
    target: int
    a: Int8Array
    c: IntArray
    m: IntArray
    s: IntArray
    b: Int8Array
    rows: IntArray | None
    M: int
    S: int
    gated: bool
    bits: int
    zx: int
    act_lo: int
    act_hi: int
    first: IntArray | None = None
    width: int = 0
    conditional: bool = False

    @property
    def rank(self) -> int:
        """Number of factors."""
        return len(self.a)

    @property
    def factor_bytes(self) -> int:
        """Bytes of the factors on the device, without padding."""
        r, n_in = self.a.shape
        n = n_in if self.first is None else self.width
        row = (n if self.bits == 8 else (n + 1) // 2) + (0 if self.first is None else WINDOW_BYTES)
        index = 0 if self.rows is None else 2 * len(self.rows)
        return int(r * (4 + 4 + 1 + row) + index + self.b.size)

    def project(self, x: Int8Array) -> IntArray:
        """h of inputs `x`, int8[..., n_in] -> int64[..., r]."""
        a = self.pre_gate(x)
        return np.clip(mbqm(a, self.m, self.s), 0 if self.gated else -127, 127)

    def pre_gate(self, x: Int8Array) -> IntArray:
        """a of inputs `x`, before requantization: int8[..., n_in] -> int64[..., r]."""
        return dot(x, self.a) + self.c

    def amount(self, h: IntArray) -> IntArray:
        """d of the stored rows, int64[..., r] -> int64[..., n_rows]; 0 where every h is."""
        return np.clip(mbqm(h @ self.b.T.astype(np.int64), self.M, self.S), -D_MAX, D_MAX)

    def acts(self, h: IntArray, d: IntArray, y: Int8Array) -> BoolArray:
        """Where the delta is open: bool[...].

        Args:
            h: int64[..., r]. d: int64[..., n_rows]. y: int8[..., n_out], before any delta was added.
        """
        is_open = np.asarray(h.any(axis=-1))
        if self.conditional:
            rows = np.arange(y.shape[-1]) if self.rows is None else self.rows
            is_open &= ((d < 0) & (rows == y.argmax(axis=-1, keepdims=True))).any(axis=-1)
        return is_open


@dataclass(frozen=True)
class Adapter:
    """A named, versioned set of deltas for one base.

    Attributes:
        labels: names given to spare classes.
        info: metrics, hashes of the edits and whatever else the host keeps; never on the device.
        files: more text files of its folder by name, such as edits.jsonl; never on the device.
        output: name of the output that its edits are about, of a base with several; never on the device.
    """

    name: str
    version: str
    base_sha256: str
    deltas: tuple[Delta, ...]
    labels: dict[int, str] = field(default_factory=dict)
    info: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict, repr=False)
    output: str = ""

    @property
    def factor_bytes(self) -> int:
        """Bytes of all factors on the device."""
        return sum(d.factor_bytes for d in self.deltas)

    def save_pretrained(self, path: str | Path, *, force: bool = False) -> None:
        """Writes the adapter's folder, whole or not at all: adapter_config.json and adapter_model.safetensors.

        Args:
            force: replace a folder that mcuedit did not write.

        Raises:
            McueditError: the place is taken, or cannot be written.
        """
        from mcuedit.adapter import folder

        folder.save(self, path, force=force)

    @classmethod
    def from_pretrained(cls, path: str | Path) -> Adapter:
        """Reads an adapter's folder.

        Raises:
            McueditError: a file is missing or damaged. Whether the adapter fits a base shows when it is put in force.
        """
        from mcuedit.adapter import folder

        return folder.load(path)


def add(deltas: Sequence[Delta], hs: Sequence[IntArray], y: Int8Array) -> Int8Array:
    """Adds deltas of one target to its output: one sum, one clamp, closed rows untouched.

    Args:
        deltas: those whose target made `y`.
        hs: their h, int64[..., r] each, leading axes as in `y`.
        y: int8[..., n_out].

    Returns:
        int8[..., n_out].
    """
    if not deltas:
        return y
    total = np.zeros(y.shape, np.int64)
    is_open = np.zeros(y.shape[:-1], bool)
    for delta, h in zip(deltas, hs, strict=True):
        d = delta.amount(h)
        acts = delta.acts(h, d, y)
        total[..., slice(None) if delta.rows is None else delta.rows] += d * acts[..., None]
        is_open |= acts
    moved = np.clip(y + total, deltas[0].act_lo, deltas[0].act_hi).astype(np.int8)
    return np.where(is_open[..., None], moved, y)


def serving(model: Model, adapters: Sequence[Adapter], also: Iterable[int] = ()) -> Model:
    """The model with generated code that serves deltas at all ops where the adapters have some, and at others.

    Raises:
        McueditError: one of the others cannot carry a delta.
    """
    places = {place for adapter in adapters for delta in adapter.deltas for place in (tap_op(delta.tap), delta.target)}
    for index in also:
        op_geometry(model, index)
    outputs = {delta.target for adapter in adapters for delta in adapter.deltas if delta.tap & OUTPUT}
    plain = {index for index in places if 0 <= index < len(model.ops) and not is_weighted(model, model.ops[index])}
    served = model.served | plain | outputs | frozenset(also)
    return model if served == model.served else replace(model, served=served)


def check_adapter(adapter: Adapter, model: Model) -> None:
    """Proves that an adapter is for `model` and that each of its deltas fits.

    Raises:
        McueditError: it is for another base, or as `check`.
    """
    if adapter.base_sha256 != model.sha256:
        raise other_base(adapter.base_sha256, model.sha256)
    for delta in adapter.deltas:
        check(delta, model)


def other_base(theirs: str, ours: str) -> McueditError:
    """The error about an adapter for base `theirs`; both are hexadecimal identities, whole or the start of one."""
    return McueditError(
        f"the adapter is for another base: {theirs[:16]}, this one is {ours[:16]}",
        "give the base it was trained on, or train it again on this one",
    )


def check(delta: Delta, model: Model) -> None:
    """Proves the bounds of SPEC.md section 2 and that the delta fits `model`.

    Raises:
        McueditError: names the field, its value and the range.
    """
    tap, target, at = tap_geometry(model, delta.tap), op_geometry(model, delta.target), tap_op(delta.tap)
    n_out = target.n_out
    rows = delta.rows
    for name in "c", "m", "s":
        if not _fits(getattr(delta, name)):
            what = f"delta {delta.tap} -> {delta.target}: {name} holds what is no integer of 32 bits"
            raise McueditError(what, "train the adapter again")
    limit = 127 if delta.bits == 8 else 7
    magnitude = np.abs(delta.a.astype(np.int64)).sum(axis=1)
    plain_c = delta.c + delta.zx * delta.a.sum(axis=1, dtype=np.int64)
    same = at == delta.target
    conditions: list[tuple[bool, str]] = [
        (at <= delta.target < OUTPUT, f"tap {at} comes after target {delta.target}"),
        (same or at == delta.tap, "a tap that is an op's output needs that op as its target"),
        (
            at == delta.tap or target.window is None,
            "the output of an op with windows is no tap: choose one that reads it",
        ),
        (same or (tap.single and target.single), "a tap before its target needs one position in both ops"),
        (1 <= delta.rank <= 255, f"rank {delta.rank} is not in 1..255"),
        (delta.bits in (4, 8), f"A has {delta.bits} bits, not 8 or 4"),
        (delta.a.shape[1] == tap.n_in, f"A is {delta.a.shape[1]} wide, the tap's input {tap.n_in}"),
        (int(np.abs(delta.a.astype(int)).max(initial=0)) <= limit, f"A exceeds {limit}"),
        (_windows_fit(delta), "the windows of A do not fit its rows"),
        (delta.first is None or at == delta.tap, "the rows of A for an output are whole"),
        (int(np.abs(delta.b.astype(int)).max(initial=0)) <= 127, "B exceeds 127"),
        (rows is not None or len(delta.b) == n_out, f"dense B has {len(delta.b)} rows, the target {n_out}"),
        (rows is None or (len(rows) == len(delta.b) and _ascending(rows, n_out)), "row indices are not ascending"),
        (delta.zx == tap.zx, f"zero point {delta.zx}, the tap's input has {tap.zx}"),
        ((delta.act_lo, delta.act_hi) == (target.act_lo, target.act_hi), "activation range is not the target's"),
        (_multiplier_ok(delta.m, delta.s) and _multiplier_ok(delta.M, delta.S), "multiplier or shift out of range"),
        (bool((np.abs(delta.c) + magnitude * 128 < _INT31).all()), "the folded accumulator could overflow"),
        (
            bool((np.abs(plain_c) + magnitude * max(127 - delta.zx, delta.zx + 128) < _INT31).all()),
            "the accumulator could overflow",
        ),
    ]
    for holds, message in conditions:
        if not holds:
            what = f"delta {tap_name(delta.tap)} -> {delta.target}"
            raise McueditError(f"{what}: {message}", "train the adapter again")


def _windows_fit(delta: Delta) -> bool:
    """Whether windows lie within the rows of A, keep them at even addresses, and hold all that is not 0."""
    if delta.first is None:
        return delta.width == 0
    first, width = delta.first, delta.width
    if first.shape != (delta.rank,) or width % 4 or not (first.min() >= 0 and first.max() + width <= delta.a.shape[1]):
        return False
    place = np.arange(delta.a.shape[1]) - first[:, None]
    return not delta.a[(place < 0) | (place >= width)].any()


def _ascending(rows: IntArray, n_out: int) -> bool:
    return len(rows) > 0 and rows[0] >= 0 and rows[-1] < n_out and bool((np.diff(rows) > 0).all())


def _fits(values: IntArray) -> bool:
    """Whether these are integers of 32 bits: the bounds are proven in 64, which others would leave."""
    return values.dtype.kind in "iu" and bool(((values >= -_INT31) & (values < _INT31)).all())


def _multiplier_ok(m: IntArray | int, s: IntArray | int) -> bool:
    m, s = np.asarray(m), np.asarray(s)
    return bool((((m == 0) | ((m >= 1 << 30) & (m < 1 << 31))) & (s >= -31) & (s <= 0)).all())
