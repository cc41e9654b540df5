# SPDX-License-Identifier: Apache-2.0
"""What devices are told, and what becomes of it: single corrections, learned one by one, on the twin or on a device.

A session is one edit as a device meets it: some wordings of the question, the answer wanted, and inputs whose answers
were confirmed. It knows nothing of the edit's other wordings, nor of what its subject is asked otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import Int8Array
from mcuedit.adapter.delta import Delta
from mcuedit.adapter.forward import logits_tensor
from mcuedit.edits import Edit, EditSet, KeepSet, check_edits, check_keep, resolve_answers
from mcuedit.evaluation.acting import given
from mcuedit.model.adaptable import OUTPUT, is_adaptable, op_geometry, tap_op
from mcuedit.model.bundle import Base
from mcuedit.model.oracle import Inputs, Reader
from mcuedit.model.tflite import Model
from mcuedit.ondevice.gate import GateTrainer
from mcuedit.ondevice.statistics import GateStatistics, gate_statistics
from mcuedit.training import Options, place
from mcuedit.training.placement.pairs import pairs

WIDEST = 512  # MCUEDIT_TRAIN_WIDTH
FULL = (1 << 31) - 1
OLD = 6  # MCUEDIT_TRAIN_OLD


class Session(Protocol):
    """One correction as a device gets it: inputs that want one class, and inputs whose answers must stay."""

    @property
    def inputs(self) -> Inputs: ...

    @property
    def wanted(self) -> int: ...

    @property
    def confirmed(self) -> Inputs: ...


@dataclass(frozen=True)
class CorrectionSession:
    """A correction in words.

    Attributes:
        edit: with no other prompts than the wordings.
        wanted: the class. name: of a spare class; else empty.
        confirmed: prompts whose answers must stay.
    """

    edit: Edit
    wanted: int
    name: str
    confirmed: tuple[str, ...]

    @property
    def inputs(self) -> Inputs:
        """The wordings."""
        return self.edit.prompts


class Unlearned(McueditError):
    """A device would refuse; `name` is that of its error."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the correction is not learned: {name}", "other wordings, or other confirmed inputs")
        self.name = name


def sessions(
    base: Base, edits: EditSet, keep: KeepSet, wordings: int, confirmed: int, seed: int
) -> list[CorrectionSession]:
    """A session of every edit, each as if it were the first: wordings and confirmed inputs are drawn by `seed`.

    Raises:
        McueditError: as `resolve_answers`; an edit or the keep set has fewer prompts.
    """
    rng, found = np.random.default_rng(seed), []
    for edit in check_edits(edits).edits:
        alone = replace(edits, edits=(edit,), notes=())
        kept = check_keep(keep, alone).prompts
        if len(edit.prompts) < wordings or len(kept) < confirmed:
            raise McueditError(
                f"{edits.where(edit)}: {len(edit.prompts)} wordings and {len(kept)} keep prompts, "
                f"{wordings} and {confirmed} are asked for",
                "give more of them, or ask for fewer",
            )
        chosen = tuple(edit.prompts[i] for i in rng.choice(len(edit.prompts), wordings, replace=False))
        beside = tuple(kept[i] for i in rng.choice(len(kept), confirmed, replace=False))
        answers = resolve_answers(alone, base.labels, base.model.output.size)
        wanted = answers.classes[0]
        found.append(CorrectionSession(replace(edit, prompts=chosen), wanted, answers.labels.get(wanted, ""), beside))
    return found


def choose_pair(read: Reader, keep: KeepSet, tap: str = "auto", target: str = "auto") -> tuple[int, int]:
    """Tap and target for gates on the device: the best pair whose tap is narrow enough.

    Raises:
        McueditError: there is none.
    """
    options = Options(tap=tap, target=target)
    ranked = [(c.tap, c.target) for c in place(read, keep, options)] or pairs(read.base.model, tap, target)[::-1]
    return first_narrow(read.base.model, ranked)


def first_narrow(model: Model, ranked: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The first pair at which a device can train gates.

    Raises:
        McueditError: there is none.
    """
    for pair in ranked:
        served = all(is_adaptable(model, model.ops[tap_op(op)]) for op in pair) and not pair[0] & OUTPUT
        if served and op_geometry(model, pair[0]).n_in <= WIDEST and op_geometry(model, pair[0]).single:
            return pair
    raise McueditError(f"no tap of at most {WIDEST} elements and one row", "choose --tap and --target")


def statistics_for(read: Reader, keep: KeepSet, tap: int) -> GateStatistics:
    """What a device carries to train gates at `tap`."""
    return gate_statistics(tapped(read, keep.prompts, tap), np.array(keep.lines, np.int64))


def is_given(read: Reader, session: CorrectionSession) -> bool:
    """Whether every wording of a correction gets what is wanted already: there is nothing to tell a device."""
    return bool(given(read, EditSet((session.edit,)), [session.wanted], ())[0])


def learn(read: Reader, session: Session, statistics: GateStatistics, pair: tuple[int, int]) -> Delta:
    """What a device makes of a session, by its numpy twin.

    Raises:
        Unlearned: it would refuse.
    """
    corrections, replay = (tapped(read, asked, pair[0]) for asked in (session.inputs, session.confirmed))
    twin = GateTrainer(statistics, corrections, replay)
    if twin.diverged:
        raise Unlearned("E_DIVERGED")
    twin.run()
    if twin.saturated:
        raise Unlearned("E_SATURATED")
    at, a = twin.threshold()[0], twin.a()
    if (replay.astype(np.int64) @ a > at).any():
        raise Unlearned("E_REPLAY")
    return _delta(read, session, pair, a, at)


def _delta(read: Reader, session: Session, pair: tuple[int, int], a: Int8Array, at: int) -> Delta:
    model = read.base.model
    tap, target = (op_geometry(model, index) for index in pair)
    logits = read(session.inputs)[logits_tensor(model)].reshape(len(session.inputs), -1)
    leads = (logits == logits.max(axis=1, keepdims=True)).any(axis=0)
    rows = np.union1d(np.flatnonzero(leads), session.wanted).astype(np.int64)
    if len(rows) > OLD + 1:
        raise Unlearned("E_FULL")
    column = np.where(rows == session.wanted, 127, -127).astype(np.int8)[:, None]
    one = np.ones(1, np.int64)
    return Delta(
        *pair, a[None], -at * one, FULL * one, 0 * one, column, rows, FULL, 0,
        True, 8, tap.zx, target.act_lo, target.act_hi, conditional=True,
    )  # fmt: skip


def tapped(read: Reader, inputs: Inputs, tap: int) -> Int8Array:
    """What a gate meets at a tap of one row: int8[n, n_in]."""
    values = read(inputs)[read.base.model.ops[tap].inputs[0]]
    return values.reshape(len(inputs), -1)
