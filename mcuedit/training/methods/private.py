# SPDX-License-Identifier: Apache-2.0
"""Training with differential privacy: what an adapter tells of any one prompt or edit is bounded.

DP-SGD (Abadi et al., 2016) on the B of a delta with a frozen random A, in integers: the norm of a gradient is bounded
after rounding, noise is discrete, and sampling is Poisson's, as the accountant assumes. The same steps are taken by
firmware/federate/private.c.

Private is which prompts the edits have. Public are the keep set, which places the gates and whose gradient has no noise
on it; the classes and their names, those that answer today (`ground_truth`) included; how many prompts, edits and users
there are, and how many prompts an edit has at most.
Nothing else may be taken from the private prompts: not the keep set's overlap, and of the base's answers to them only
what a prompt's own gradient takes.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from mcuedit import privacy
from mcuedit._util.errors import McueditError
from mcuedit._util.typing import Int8Array, IntArray
from mcuedit.adapter.delta import Adapter, Delta
from mcuedit.adapter.forward import answers, is_tie, logits_tensor
from mcuedit.edits import EditSet, check_edits, resolve_answers
from mcuedit.model.adaptable import tap_tensor
from mcuedit.model.oracle import Reader
from mcuedit.training.core.gate_trainer import WhiteningConfig, whitening
from mcuedit.training.edited import Edited
from mcuedit.training.factors.frozen_a import MARGIN, FrozenA, Margins, Masters, gradient, margins, places, shared_delta
from mcuedit.training.factors.retained import Retained
from mcuedit.training.options import AUTO, Options
from mcuedit.training.placement.pairs import logits_op, pairs
from mcuedit.training.problem import Problem

FASTEST = 8  # int8 units of the first step: firmware/federate/private.c


@dataclass(frozen=True)
class Config(Options):
    """How private edits are trained; gates are random, of 8 bits. The noise does not come from the seed.

    Attributes:
        rank: of the frozen A.
        budget: what may be given away; there is no private training without one.
        active: share of the keep set that a gate is open on. whitening: of what the keep set's wordings vary in.
        random: uniform bits of the sampling and of the noise, for tests; None: the system's.
    """

    rank: int | None = 128
    budget: privacy.Budget | None = None
    active: float = 0.3
    whitening: WhiteningConfig = field(default_factory=WhiteningConfig)
    random: privacy.Random | None = None


@dataclass(frozen=True)
class Examples:
    """Prompts at the tap.

    Attributes:
        h: int64[n, r]. logits: int8[n, classes] of the base. wanted: int64[n], the class that each is to get.
        margin: logits by which it is to lead, of all or int64[n].
    """

    h: IntArray
    logits: Int8Array
    wanted: IntArray
    margin: int | IntArray = MARGIN

    def __getitem__(self, at: slice | IntArray) -> Examples:
        margin = self.margin if isinstance(self.margin, int) else self.margin[at]
        return Examples(self.h[at], self.logits[at], self.wanted[at], margin)


def private_prompts(edits: EditSet) -> list[str]:
    """The prompts that are protected: every wording once."""
    return list(dict.fromkeys(p for edit in edits.edits for p in edit.prompts))


def protected(edits: EditSet, unit: str | None = None) -> privacy.Protected:
    """Who is; `unit` as in `privacy.Protected.of`."""
    return privacy.Protected.of([e.prompts for e in edits.edits], [e.user for e in edits.edits], unit)


def _units(edits: EditSet, unit: str) -> list[IntArray]:
    """Of `private_prompts`, which are sampled and clipped together.

    A prompt of several edits is in each of them: none depends on whether another one is there.
    """
    row = {prompt: i for i, prompt in enumerate(private_prompts(edits))}
    if unit == privacy.PROMPT:
        return list(np.arange(len(row))[:, None])
    return [np.array([row[p] for p in dict.fromkeys(edit.prompts)], np.int64) for edit in edits.edits]


def fit(problem: Problem, config: Config) -> Edited:
    """Trains one adapter for all edits, with what each of their prompts adds to it hidden in noise.

    Raises:
        McueditError: there is no budget, the edits contradict each other, or an answer is no label.
    """
    began = time.perf_counter()
    read, edits, keep, budget = problem.reader, problem.text.edits, problem.text.keep, config.budget
    if budget is None:
        raise McueditError("private training without a budget", "say what may be given away: privacy.budget(...)")
    base = read.base
    check_edits(edits)
    found = resolve_answers(edits, base.labels, base.model.output.size)
    pair = _pair(read, config)
    prompts = private_prompts(edits)
    classes = {p: c for edit, c in zip(edits.edits, found.classes, strict=True) for p in edit.prompts}
    seen = read([*prompts, *keep.prompts])
    tensors = tap_tensor(base.model, pair[0]), logits_tensor(base.model)
    tapped, logits = (seen[t].reshape(len(prompts) + len(keep.prompts), -1) for t in tensors)
    n = len(prompts)
    white = whitening(np.array(keep.lines), tapped[n:].astype(np.float32), config.whitening)
    rows = sorted({*found.classes, *_today(edits, base.labels or ())})
    frozen = FrozenA(config.factors, config.seed, active=config.active)
    start = shared_delta(base.model, pair, rows, frozen, tapped[n:], white)
    h, wanted = start.project(tapped), np.array([classes[p] for p in prompts], np.int64)
    hidden = Examples(h[:n], logits[:n], wanted, _margins(logits[:n], wanted))
    public = Retained.of(start, h[n:], logits[n:], answers(logits[n:]).astype(np.int64))
    units = _units(edits, budget.protected.unit)
    delta = _descend(start, hidden, units, public, budget.schedule, config.random)
    labels = {k: v for k, v in found.labels.items() if k in found.classes}
    info = {"private": budget.flat()}
    adapter = Adapter(config.name, config.version, base.model.sha256, (delta,), labels, info)
    asked, seconds = np.array(found.classes, np.int64), time.perf_counter() - began
    return Edited(adapter, edits, keep, asked, seconds=seconds, budget=budget)


def _margins(logits: Int8Array, wanted: IntArray) -> IntArray:
    """Nothing is trained for a prompt that the base answers as wanted, unless training takes its answer away: int64[n].

    That is settled for each prompt from itself alone, so that an adapter tells no more of it than the budget says.
    """
    given = (answers(logits) == wanted) & ~is_tie(logits)
    return np.where(given, 1, MARGIN)


def _pair(read: Reader, config: Config) -> tuple[int, int]:
    """Tap and target, the target being what makes the logits; if not asked for, the op before it reads."""
    if AUTO not in (config.tap, config.target):
        return pairs(read.base.model, config.tap, config.target)[0]
    last = logits_op(read.base.model)
    if last is None:
        raise McueditError("no op that makes the logits can carry a delta", "private training needs one")
    able = {i for i, _ in pairs(read.base.model, AUTO, str(last))}
    return max((i for i in able if i < last), default=last), last


def _today(edits: EditSet, labels: Sequence[str]) -> set[int]:
    """Classes of the answers that the edits' file itself calls wrong."""
    index = {label.casefold(): i for i, label in enumerate(labels)}
    return {index[e.ground_truth.casefold()] for e in edits.edits if e.ground_truth.casefold() in index}


def _descend(
    delta: Delta,
    hidden: Examples,
    units: Sequence[IntArray],
    public: Retained,
    schedule: privacy.Schedule,
    random: privacy.Random | None,
) -> Delta:
    masters = Masters(delta, schedule.steps, FASTEST)
    bits = random or privacy.system_random
    for number in range(schedule.steps):
        taken = [unit for unit in units if privacy.sampled(bits, schedule.q)]
        total = units_sum(masters.delta, hidden, taken, schedule.clip)
        total += public.gradient(masters.delta)
        masters.step(number, total + noise(total.shape, schedule.sigma, random))
    return masters.delta


def units_sum(delta: Delta, examples: Examples, units: Sequence[IntArray], clip: int) -> IntArray:
    """The sum over units of the sums of their examples' gradients, each of a norm of at most `clip`: int64, as B.

    Args:
        units: int64[n] each, places in `examples`.
    """
    if all(len(unit) == 1 for unit in units):
        return clipped_sum(delta, examples[np.array([unit[0] for unit in units], np.int64)], clip)
    leads = margins(delta, examples.h, examples.logits, examples.wanted, examples.margin)
    total = np.zeros(delta.b.shape, np.int64)
    for unit in units:
        own = gradient(delta, examples.h[unit], Margins(leads.wanted[unit], leads.top[unit], leads.late[unit]))
        total += privacy.clip(own.ravel(), clip).reshape(own.shape)
    return total


def clipped_sum(delta: Delta, examples: Examples, clip: int) -> IntArray:
    """The sum of the examples' gradients, each of a norm of at most `clip`: int64, as B.

    A gradient is h in one row and -h in another, so that its norm is that of h times the root of its rows: the integers
    of `privacy.clip`, for all examples at once.
    """
    leads = margins(delta, examples.h, examples.logits, examples.wanted, examples.margin)
    rows = sum(places(delta, classes)[1].astype(np.int64) for classes in (leads.wanted, leads.top))
    squares = np.square(examples.h).sum(axis=1) * rows
    norm = np.sqrt(squares.astype(np.float64)).astype(np.int64)  # below 2^53, so off by less than one
    norm -= norm * norm > squares
    norm += norm * norm < squares
    long = norm > clip
    short = np.sign(examples.h) * (np.abs(examples.h) * clip // np.maximum(norm, 1)[:, None])
    return gradient(delta, np.where(long[:, None], short, examples.h), leads)


def noise(shape: tuple[int, ...], sigma: int, random: privacy.Random | None) -> IntArray:
    """Independent draws of the discrete Gaussian: int64. None: from the system's bits; else as C draws them."""
    size = int(np.prod(shape))
    if random is None:
        return privacy.discrete_gaussians(privacy.system_bits, sigma, size).reshape(shape)
    return np.array([privacy.discrete_gaussian(random, sigma) for _ in range(size)], np.int64).reshape(shape)
