# SPDX-License-Identifier: Apache-2.0
"""Self-tests: an input whose answer the adapter changes, and one whose answer it leaves, the shortest ones to tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mcuedit._util import bounded
from mcuedit._util.errors import McueditError
from mcuedit._util.typing import BoolArray, Int8Array, IntArray
from mcuedit.adapter.delta import Adapter, Delta
from mcuedit.adapter.forward import answers, first_tap, is_tie, logits_tensor, trace, with_deltas
from mcuedit.edits import Avoid, Edit, TensorSet, ToClass, ToVector
from mcuedit.model.bundle import Base
from mcuedit.model.oracle import Oracle
from mcuedit.package.self_test import CHANGED, UNCHANGED, SelfTest, sparse

_QUIET = 64  # inputs that are almost nothing, looked at where nothing better is known
_MOST = 256  # inputs that are looked at


@dataclass(frozen=True)
class Asked:
    """A self-test and what a person calls it."""

    self_test: SelfTest
    text: str
    label: str

    def to_dict(self) -> dict[str, Any]:
        """For the manifest."""
        kind = "changed" if self.self_test.kind == CHANGED else "unchanged"
        return {"kind": kind, "input": self.text, "class": self.self_test.answer, "answer": self.label}


@dataclass(frozen=True)
class _Answers:
    """Classes before and after, int64[n] each; `clear` where no other class ties with one of the two."""

    x: Int8Array
    before: IntArray
    after: IntArray
    clear: BoolArray


def from_edits(base: Base, oracle: Oracle, adapter: Adapter, edits: Sequence[Edit]) -> list[Asked]:
    """The shortest edited prompt that gets its new answer, and the shortest of a locality list that keeps its own.

    Raises:
        McueditError: no edits are known, or none of them makes a difference.
    """
    if not edits:
        raise McueditError(
            f"adapter {adapter.name} does not remember its edits",
            "give the self-tests: --self-test PROMPT=ANSWER or F.npz",
        )
    wanted = [(p, edit.answer) for edit in edits for p in edit.prompts][:_MOST]
    kept = [p for edit in edits for p in edit.locality][:_MOST]
    asked = _ask(base, oracle, adapter, base.encode([p for p, _ in wanted]))
    right = np.array([_class(base, adapter, answer) for _, answer in wanted])
    good = asked.clear & (asked.before != asked.after) & (asked.after == right)
    if not good.any():
        raise McueditError(
            "no edit changes an answer, so nothing can be tested", "leave --self-test away, or train again"
        )
    found = [_shortest(base, adapter, asked, good, CHANGED, [p for p, _ in wanted])]
    for x, names in [(base.encode(kept), kept), _quiet(base)][not kept :]:
        same = _ask(base, oracle, adapter, x)
        good = same.clear & (same.before == same.after)
        if good.any():
            return [*found, _shortest(base, adapter, same, good, UNCHANGED, names)]
    raise McueditError("no prompt of the locality lists keeps its answer", "give one: --self-test-same PROMPT")


def from_prompts(
    base: Base, oracle: Oracle, adapter: Adapter, changed: Sequence[tuple[str, str]], same: Sequence[str]
) -> list[Asked]:
    """Self-tests of given prompts: pairs of prompt and new answer, and prompts that keep theirs.

    Raises:
        McueditError: the adapter gives another answer.
    """
    found = []
    for kind, prompts in ((CHANGED, [p for p, _ in changed]), (UNCHANGED, list(same))):
        if not prompts:
            continue
        asked = _ask(base, oracle, adapter, base.encode(prompts))
        for i, prompt in enumerate(prompts):
            if not asked.clear[i]:
                raise McueditError(f"self-test {prompt!r}: two classes tie", "choose another prompt")
            differs = asked.before[i] != asked.after[i]
            given = _label(base, adapter, int(asked.after[i]))
            if kind == UNCHANGED and differs:
                raise McueditError(
                    f"self-test {prompt!r}: the adapter changes its answer to {given!r}", "choose another"
                )
            if kind == CHANGED and not differs:
                raise McueditError(f"self-test {prompt!r}: the base answers {given!r}, too", "choose another prompt")
            if kind == CHANGED and asked.after[i] != _class(base, adapter, changed[i][1]):
                raise McueditError(
                    f"self-test {prompt!r}: the answer is {given!r}, not {changed[i][1]!r}",
                    "mend the self-test, or the adapter",
                )
            found.append(_asked(base, adapter, asked, i, kind, prompt))
    return found


def from_tensors(base: Base, oracle: Oracle, adapter: Adapter, data: TensorSet) -> list[Asked]:
    """The shortest edited input that gets what is wanted, and the shortest kept one that keeps its answer.

    Raises:
        McueditError: there are no such inputs, or what is wanted is no class.
    """
    if isinstance(data.wanted, ToVector):
        raise McueditError(f"{data.source}: vectors have no class to self-test", "leave --self-test away")
    if base.model.stateful:
        raise McueditError(f"base {base.name} keeps a state, a self-test is one input", "leave --self-test away")
    asked = _ask(base, oracle, adapter, data.x[:_MOST])
    good = asked.clear & (asked.before != asked.after)
    if isinstance(data.wanted, Avoid):
        good &= asked.after != data.wanted.classes[:_MOST]
    elif isinstance(data.wanted, ToClass):
        good &= asked.after == data.wanted.classes[:_MOST]
    if not len(data.keep):
        raise McueditError(f"{data.source}: no array 'keep'", "give inputs whose answers must stay")
    same = _ask(base, oracle, adapter, data.keep[:_MOST])
    stays = same.clear & (same.before == same.after)
    for samples, what in (
        (good, "no sample of x gets another answer that is wanted"),
        (stays, "no sample of keep stays"),
    ):
        if not samples.any():
            raise McueditError(f"{data.source}: {what}", "give other inputs, or leave --self-test away")
    names = [f"{data.source}: x[{i}]" for i in range(len(good))]
    kept = [f"{data.source}: keep[{i}]" for i in range(len(stays))]
    return [
        _shortest(base, adapter, asked, good, CHANGED, names),
        _shortest(base, adapter, same, stays, UNCHANGED, kept),
    ]


def failing(base: Base, oracle: Oracle, adapter: Adapter, self_tests: Sequence[SelfTest]) -> list[int]:
    """Which self-tests do not get the answer that they state, by the base's runtime and the numpy arithmetic."""
    shape = base.model.input_shape
    x = np.stack([p.expand(base.model.input_size, base.model.input.zero).reshape(shape) for p in self_tests])
    asked = _ask(base, oracle, adapter, x)
    bad = []
    for i, one in enumerate(self_tests):
        differs = asked.before[i] != asked.after[i]
        if asked.after[i] != one.answer or differs != (one.kind == CHANGED):
            bad.append(i)
    return bad


def _quiet(base: Base) -> tuple[Int8Array, list[str]]:
    """Inputs of nothing but zero points, and with one other element."""
    size, zero = base.model.input_size, base.model.input.zero
    x = np.full((1 + min(size, _QUIET), size), zero, np.int8)
    for i in range(len(x) - 1):
        x[1 + i, i] = zero + 16 if zero < 100 else zero - 16
    names = ["(zero points alone)", *(f"(zero points but for element {i})" for i in range(len(x) - 1))]
    return x.reshape(len(x), *base.model.input_shape), names


def _ask(base: Base, oracle: Oracle, adapter: Adapter, x: Int8Array) -> _Answers:
    model, deltas = base.model, list[Delta](adapter.deltas)
    before = trace(model, oracle, x, first_tap(deltas, 0))
    at = logits_tensor(model)
    old, new = before.values[at], with_deltas(model, deltas, before).values[at]
    return _Answers(x, answers(old), answers(new), ~is_tie(old) & ~is_tie(new))


def _shortest(
    base: Base,
    adapter: Adapter,
    asked: _Answers,
    good: BoolArray,
    kind: int,
    names: Sequence[str],
) -> Asked:
    length = (asked.x.reshape(len(asked.x), -1) != base.model.input.zero).sum(axis=1)
    at = int(np.flatnonzero(good)[length[good].argmin()])
    return _asked(base, adapter, asked, at, kind, names[at])


def _asked(base: Base, adapter: Adapter, asked: _Answers, at: int, kind: int, name: str) -> Asked:
    answer = int(asked.after[at])
    return Asked(sparse(asked.x[at], base.model.input.zero, kind, answer), name, _label(base, adapter, answer))


def _label(base: Base, adapter: Adapter, index: int) -> str:
    return adapter.labels.get(index) or (base.labels[index] if base.labels else str(index))


def _class(base: Base, adapter: Adapter, answer: str | int) -> int:
    """The class of a name, an adapter's names first; -1 if there is none."""
    if isinstance(answer, int):
        return answer
    named = {label.casefold(): i for i, label in enumerate(base.labels or ())}
    named |= {label.casefold(): i for i, label in adapter.labels.items()}
    number = None if base.labels else bounded.whole(answer)
    return named.get(answer.casefold(), -1 if number is None else number)
