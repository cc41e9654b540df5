# SPDX-License-Identifier: Apache-2.0
"""A small private training: the twin's masters and B after every step, and what C needs to take the same steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mcuedit import privacy
from mcuedit.adapter.delta import Delta, add
from mcuedit.model.fixedpoint import quantize_multiplier
from mcuedit.model.tflite import Model
from mcuedit.training.factors.frozen_a import Masters
from mcuedit.training.factors.retained import Retained
from mcuedit.training.methods.private import FASTEST, Examples, clipped_sum, noise

from .deltas import delta

CLASSES, RANK = 12, 6


def frozen(model: Model, rows: Sequence[int] | None) -> Delta:
    """A delta with B = 0 whose factors add a few logits each."""
    made = delta(model, 1, 1, rank=RANK, rows=len(rows) if rows else None, seed=3)
    M, S = quantize_multiplier(0.02)
    return replace(made, b=np.zeros_like(made.b), rows=np.array(rows) if rows else None, M=M, S=S)


def examples(seed: int, n: int) -> Examples:
    """Random ones; some gates are shut."""
    rng = np.random.default_rng(seed)
    h = rng.integers(0, 128, (n, RANK)) * (rng.random((n, RANK)) < 0.4)
    return Examples(h, rng.integers(-40, 40, (n, CLASSES)).astype(np.int8), rng.integers(0, CLASSES, n))


class Twin:
    """Takes the steps in numpy; `total` is the last step's sum before noise, `taken` who took part in it."""

    def __init__(
        self, start: Delta, hidden: Examples, public: Examples, schedule: privacy.Schedule, random: privacy.Random
    ) -> None:
        self.hidden, self.public, self.schedule, self.random = hidden, public, schedule, random
        self.kept = Retained.of(start, public.h, public.logits, public.wanted)
        self.masters, self.number = Masters(start, schedule.steps, FASTEST), 0

    @property
    def delta(self) -> Delta:
        """As of now."""
        return self.masters.delta

    def logits(self) -> tuple[np.ndarray, np.ndarray]:
        """int8[n, classes] of the hidden and of the public examples with the delta as of now."""
        made = [add([self.delta], [part.h], part.logits) for part in (self.hidden, self.public)]
        return made[0], made[1]

    def step(self) -> None:
        """One more."""
        self.taken = np.array([privacy.sampled(self.random, self.schedule.q) for _ in self.hidden.h])
        private = clipped_sum(self.delta, self.hidden[np.flatnonzero(self.taken)], self.schedule.clip)
        self.total = private + self.kept.gradient(self.delta)
        self.masters.step(self.number, self.total + noise(self.total.shape, self.schedule.sigma, self.random))
        self.number += 1


def xorshift(seed: int) -> privacy.Random:
    """The bits of tests/emulate/private.c."""
    x = seed

    def draw() -> int:
        nonlocal x
        x ^= x << 13 & 0xFFFFFFFF
        x ^= x >> 17
        x ^= x << 5 & 0xFFFFFFFF
        return x

    return draw


def header(twin: Twin, adapter: bytes, logits: np.ndarray, seed: int) -> str:
    """examples.h of tests/emulate/private.c.

    Args:
        logits: int8[steps, n, classes], with the delta as of each step.
    """
    s, shape = twin.schedule, twin.delta.b.shape
    numbers = {
        "SIZE": shape[0] * shape[1],
        "HIDDEN": len(twin.hidden.h),
        "PUBLIC": len(twin.public.h),
        "CLASSES": CLASSES,
        "SEED": f"{seed}u",
        "RATE": f"{s.q}u",
        "SIGMA": s.sigma,
        "CLIP": s.clip,
        "STEPS": s.steps,
    }
    n = len(twin.hidden.h) + len(twin.public.h)
    h = np.concatenate([twin.hidden.h, twin.public.h])
    wanted = np.concatenate([twin.hidden.wanted, twin.public.wanted])
    lines = ["#include <stdint.h>", *(f"#define {name} {value}" for name, value in numbers.items())]
    lines.append(f"static const int8_t h[{n}][{RANK}] = {_braces(h)};")
    lines.append(f"static const uint16_t wanted[{n}] = {_braces(wanted)};")
    lines.append(f"static const int8_t logits[{s.steps}][{n}][{CLASSES}] = {_braces(logits)};")
    words = np.frombuffer(adapter, "<u4")
    lines.append(f"static const uint32_t adapter_words[{len(words)}] = {{{', '.join(f'{w}u' for w in words)}}};")
    return "\n".join(lines) + "\n"


def _braces(values: np.ndarray) -> str:
    return str(values.tolist()).replace("[", "{").replace("]", "}")
