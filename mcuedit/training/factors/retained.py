# SPDX-License-Identifier: Apache-2.0
"""Examples whose answer must stay, beside a delta with a frozen A: firmware/federate/private.c, all of them at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mcuedit._util.typing import FloatArray, Int8Array, IntArray
from mcuedit.adapter.delta import D_MAX, Delta
from mcuedit.model.fixedpoint import mbqm
from mcuedit.training.factors.frozen_a import MARGIN, places


@dataclass(frozen=True)
class Retained:
    """What a delta can change of such examples: the logits of its rows.

    Attributes:
        h: float32[n, r], integers; products with B are exact in float32, being below 2^24.
        stored: int64[n, n_rows], the base's logits of the delta's rows.
        row: int64[n], the answer's row; -1 if the delta stores none.
        logit: int64[n], the base's logit of the answer.
    """

    h: FloatArray
    stored: IntArray
    row: IntArray
    logit: IntArray

    @classmethod
    def of(cls, delta: Delta, h: IntArray, logits: Int8Array, answer: IntArray) -> Retained:
        """From h int64[n, r], the base's logits int8[n, classes] and answers int64[n]."""
        at, has = places(delta, answer)
        rows = slice(None) if delta.rows is None else delta.rows
        own = logits[np.arange(len(logits)), answer].astype(np.int64)
        return cls(h.astype(np.float32), logits[:, rows].astype(np.int64), np.where(has, at, -1), own)

    def gradient(self, delta: Delta, margin: int = MARGIN) -> IntArray:
        """The sum of gradients of B that keeps each answer `margin` above every other row: int64, as B."""
        moved = mbqm((self.h @ delta.b.T.astype(np.float32)).astype(np.int64), delta.M, delta.S)
        now = np.clip(self.stored + np.clip(moved, -D_MAX, D_MAX), delta.act_lo, delta.act_hi)
        n, own = np.arange(len(now)), self.row >= 0
        lead = np.where(own, now[n, self.row], self.logit)
        now[n[own], self.row[own]] = -(1 << 15)
        top = now.argmax(axis=1)
        late = lead - now[n, top] < margin
        signs = np.zeros(now.shape, np.float32)
        signs[n[late & own], self.row[late & own]] = 1
        signs[n[late], top[late]] -= 1
        late &= now[n, top] > -(1 << 15)  # a delta whose one row is the answer's has no rival
        total = signs[late].T.astype(np.float64) @ self.h[late]
        whole: IntArray = total.astype(np.int64)
        return whole
