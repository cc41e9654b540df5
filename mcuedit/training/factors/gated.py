# SPDX-License-Identifier: Apache-2.0
"""One gated rank-1 factor per edit: a gate at the tap, two rows of logits at the target (DESIGN.md, section 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mcuedit._util.typing import BoolArray, FloatArray, Int8Array, IntArray
from mcuedit.adapter.delta import Delta
from mcuedit.adapter.forward import Trace, answers
from mcuedit.model.adaptable import op_geometry, tap_geometry
from mcuedit.model.fixedpoint import dot, quantize_multiplier
from mcuedit.model.tflite import Model
from mcuedit.training.core import gate_trainer
from mcuedit.training.core.candidate import Candidate, Tried
from mcuedit.training.core.gate_trainer import GateConfig
from mcuedit.training.core.gates import FULL, SLACK, Gates
from mcuedit.training.core.solver import AtTarget, SolverConfig, solve_column
from mcuedit.training.core.suffix import Suffix
from mcuedit.training.examples.text import Examples
from mcuedit.training.options import Options


@dataclass(frozen=True)
class Column:
    """What an open gate adds: stored rows of B (None: all), their values, and the requantization of B h."""

    rows: IntArray | None
    values: Int8Array
    M: int
    S: int


def train(
    examples: Examples, tap: Int8Array, options: Options, config: GateConfig, rivals: BoolArray | None = None
) -> Gates:
    """Trains the gates of all edits together.

    Where activations of what must stay and of the edit overlap, a gate opens on every input of its edit, and on some
    others.

    Args:
        tap: int8[n, n_in], the tap's input for each example.
        rivals: bool[n, edits], where a conditional delta acts if its gate opens; None: deltas act wherever gates open.
    """
    x = tap.astype(np.float32)
    white = gate_trainer.whitening(examples.group[examples.clean], x[examples.clean], config.whitening)
    n_edits = len(examples.classes)
    own = [np.flatnonzero(examples.owner == e) for e in range(n_edits)]
    width = max(map(len, own))
    fire = x[np.stack([np.resize(index, width) for index in own])]
    stay = examples.stay
    margin = None if rivals is None else np.where(rivals[stay].T, 1, config.idle).astype(np.float32)
    samples = gate_trainer.Samples(x[stay], examples.owner[stay], fire, margin)
    a = gate_trainer.quantize(gate_trainer.fit(samples, white, config), options.width)
    return _placed(examples, tap, a, options, rivals)


def _placed(examples: Examples, tap: Int8Array, a: Int8Array, options: Options, rivals: BoolArray | None) -> Gates:
    """Where gates stand in the margin between their edit and what must stay: of that its rivals, if it has any."""
    scores, edits = dot(tap, a), len(a)
    own = examples.owner[:, None] == np.arange(edits)[None, :]
    clean = examples.clean[:, None]
    stay = ~own & examples.stay[:, None] & clean
    place: float | FloatArray = options.place_for(edits)
    if rivals is not None:
        has = (stay & rivals).any(axis=0)
        stay &= rivals | ~has
        place = np.where(has, *(options.place_among(edits, rivals=some) for some in (True, False)))
    big = np.int64(1) << 40
    highest = np.where(stay, scores, -big).max(axis=0)
    lowest = np.where(own & clean, scores, big).min(axis=0)
    separate = lowest - highest > SLACK
    start = np.where(separate, highest, lowest - SLACK)
    return Gates(a, np.arange(edits), separate, start, np.where(separate, lowest - highest - SLACK, 0), place)


def factor_bytes(n_in: int, bits: int) -> int:
    """Bytes of the factors of one edit at the logits, with one old answer."""
    return 4 + 4 + 1 + (n_in if bits == 8 else (n_in + 1) // 2) + 2 * (2 + 1)


def trial(candidate: Candidate, deltas: Sequence[Delta], fresh: Examples, tap: Int8Array) -> Candidate:
    """Fills in how the gates fare on noisy copies that training has not seen, and on what must stay.

    Args:
        tap: int8[n, n_in], the tap's input for each example of `fresh`.
    """
    opened = np.concatenate([d.project(tap) > 0 for d in deltas], axis=1)
    own = (fresh.owner[:, None] == np.arange(len(deltas))[None, :]) & fresh.noisy[:, None]
    stay = fresh.stay & (fresh.owner < 0)
    recall = float(opened[own].mean())
    shut = float(1 - opened[stay].any(axis=1).mean()) if stay.any() else 1.0
    return replace(candidate, seen=Tried(recall, shut))


def deltas(
    model: Model,
    gates: Gates,
    bits: int,
    columns: Sequence[Column],
    pair: tuple[int, int],
    *,
    conditional: bool,
) -> list[Delta]:
    """A delta per gate.

    Args:
        columns: one per gate.
        pair: tap and target.
    """
    tap, target = tap_geometry(model, pair[0]), op_geometry(model, pair[1])
    one = np.ones(1, np.int64)
    return [
        Delta(
            tap=pair[0],
            target=pair[1],
            a=a[None],
            c=c * one,
            m=FULL[0] * one,
            s=FULL[1] * one,
            b=column.values[:, None],
            rows=column.rows,
            M=column.M,
            S=column.S,
            gated=True,
            bits=bits,
            zx=tap.zx,
            act_lo=target.act_lo,
            act_hi=target.act_hi,
            conditional=conditional,
        )
        for a, c, column in zip(gates.a, gates.offset, columns, strict=True)
    ]


def rivals(columns: Sequence[Column], *logits: Int8Array) -> BoolArray:
    """Where conditional deltas with such columns act if their gate opens: bool[n, edits]; logits as below."""
    lowered = [column.rows[column.values < 0] for column in columns if column.rows is not None]
    return np.stack([np.logical_or.reduce([np.isin(answers(of), one) for of in logits]) for one in lowered], axis=1)


def logit_columns(examples: Examples, *logits: Int8Array) -> list[Column]:
    """For a target that makes the logits: the new class goes to the top, the classes it had go to the bottom.

    A class that ties with the answer goes down too: where logits saturate, the new class can only join it at the top.

    Args:
        logits: int8[n, classes] each, of each example without the edits: of the base, and with what is in force.
    """
    columns = []
    for e, wanted in enumerate(examples.classes):
        own = np.concatenate([of[examples.clean & (examples.owner == e)] for of in logits])
        had = np.flatnonzero((own == own.max(axis=1, keepdims=True)).any(axis=0))
        rows = np.union1d(wanted, had)
        columns.append(Column(rows, np.where(rows == wanted, 127, -127).astype(np.int8), *FULL))
    return columns


def solved_columns(
    examples: Examples, now: Trace, suffix: Suffix, config: SolverConfig, margin: float, seed: int
) -> list[Column]:
    """For a target before the logits: what the ops after it turn into the new class.

    Args:
        suffix: from the target to the logits.
        margin: logit steps by which the new class is to lead.
    """
    rng = np.random.default_rng(seed)
    y = now.values[suffix.start]
    m, s = quantize_multiplier(2 / 127)  # h = 127 adds twice the column
    columns = []
    for e, wanted in enumerate(examples.classes):
        own = examples.owner == e
        side = {t: now.values[t][own] for t in suffix.side}
        values = solve_column(AtTarget(suffix, y[own], side), int(wanted), config, margin, rng)
        columns.append(Column(None, values, m, s))
    return columns
