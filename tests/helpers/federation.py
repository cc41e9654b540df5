# SPDX-License-Identifier: Apache-2.0
"""A small federation on the base `facts`: nine honest clients with wordings of their own, and what may change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mcuedit import zoo
from mcuedit.adapter.delta import Adapter, Delta, add
from mcuedit.adapter.forward import answers, logits_tensor
from mcuedit.benchmark import edits as benchmark
from mcuedit.edits import load_edits, load_keep, resolve_answers
from mcuedit.emulate.runner import best_oracle
from mcuedit.model import bundle
from mcuedit.model.tflite import Model
from mcuedit.training.core.gate_trainer import WhiteningConfig, whitening
from mcuedit.training.factors.frozen_a import FrozenA, Masters, gradient, margins, shared_delta
from mcuedit.training.factors.retained import Retained

HONEST, STEPS, RANK = 9, 20, 64


@dataclass(frozen=True)
class Asked:
    """Questions: h int64[n, r] at the tap, int8[n, classes] logits of the base."""

    h: np.ndarray
    logits: np.ndarray

    def answers(self, delta: Delta) -> np.ndarray:
        """With a delta: int64[n]."""
        return np.asarray(answers(add([delta], [self.h], self.logits)))


@dataclass(frozen=True)
class Federation:
    """A round: the adapter it begins from, what honest clients learned, and questions of which some were taught."""

    model: Model
    start: Adapter
    honest: tuple[Adapter, ...]
    asked: Asked
    wanted: np.ndarray
    taught: int


def federation(folder: Path) -> Federation:
    """Three changed facts, of which each client has 6 to 16 wordings each, and a third of the keep set."""
    edits, keep = zoo.draw_edits("facts", 3, 5)
    (folder / "edits.jsonl").write_text(edits, encoding="utf-8")
    (folder / "keep.jsonl").write_text("".join(keep.splitlines(keepends=True)[:80]), encoding="utf-8")
    changes, kept = load_edits(folder / "edits.jsonl"), load_keep(folder / "keep.jsonl")
    base = bundle.load(zoo.folder("facts"))
    read = benchmark.reader(base, best_oracle(base.model))
    found = resolve_answers(changes, base.labels, base.model.output.size)
    pair, classes = (3, 4), {label: i for i, label in enumerate(base.labels or ())}
    rows = {*found.classes, *(classes[e.ground_truth] for e in changes.edits if e.ground_truth in classes)}
    prompts = [p for e in changes.edits for p in e.prompts]
    wanted = np.array([c for e, c in zip(changes.edits, found.classes, strict=True) for _ in e.prompts])
    seen = read([*prompts, *kept.prompts])
    tapped, logits = (
        seen[t].reshape(len(prompts) + len(kept.prompts), -1)
        for t in (base.model.ops[pair[0]].inputs[0], logits_tensor(base.model))
    )
    n = len(prompts)
    white = whitening(np.array(kept.lines), tapped[n:].astype(np.float32), WhiteningConfig())
    delta = shared_delta(base.model, pair, sorted(rows), FrozenA(RANK), tapped[n:], white)
    asked = Asked(delta.project(tapped), logits)
    right = answers(logits[n:]).astype(np.int64)
    start = Adapter("round", "1.0.0", base.model.sha256, (delta,), found.labels)

    def learned(client: int) -> Adapter:
        rng = np.random.default_rng(client)
        own = rng.permutation(n)[: rng.integers(n // 5, n // 2)]
        kept = n + rng.permutation(len(right))[: len(right) // 3]
        public = Retained.of(delta, asked.h[kept], logits[kept], right[kept - n])
        server, h = Masters(delta, STEPS), asked.h[own]
        for number in range(STEPS):
            total = gradient(server.delta, h, margins(server.delta, h, logits[own], wanted[own]))
            server.step(number, total + public.gradient(server.delta))
        return replace(start, name=f"client {client}", deltas=(server.delta,))

    honest = tuple(learned(i) for i in range(HONEST))
    return Federation(base.model, start, honest, asked, np.concatenate([wanted, right]), n)


def within_reach(asked: Asked, honest: Sequence[Delta], trim: int) -> np.ndarray:
    """Which answers `trim` clients beside the honest ones can change: bool[n] (SPEC.md, section 12)."""
    values = np.sort([d.b.astype(np.int64) for d in honest], axis=0)
    kept = len(values) - trim
    ends = [_rounded(part.sum(axis=0), kept) for part in (values[:kept], values[trim:])]
    low, high = (add([replace(honest[0], b=b.astype(np.int8))], [asked.h], asked.logits).astype(np.int64) for b in ends)
    n = np.arange(len(low))
    top = low.argmax(axis=1)
    least = low[n, top].copy()
    high[n, top] = -(1 << 15)
    rival = high.argmax(axis=1)
    most = high[n, rival]
    return (least < most) | ((least == most) & (rival < top))


def _rounded(total: np.ndarray, n: int) -> np.ndarray:
    """Ties away from zero."""
    return np.asarray(np.sign(total) * ((2 * np.abs(total) + n) // (2 * n)))
