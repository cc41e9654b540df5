# SPDX-License-Identifier: Apache-2.0
"""UNIDIRECTIONAL_SEQUENCE_LSTM of 16-bit activations and hidden state: the gates' sums have 64 bits, rounded once."""

from __future__ import annotations

from mcuedit._util.typing import AnyIntArray, IntArray
from mcuedit.model.ops.common import require
from mcuedit.model.ops.int16.common import MOST_SHIFT, mbqm64
from mcuedit.model.ops.recurrent import lstm
from mcuedit.model.tflite import INT16, INT64, Model, Op


class Lstm(lstm.Lstm):
    """The first inference; from zeros. Biases are INT64, which TFLM reads whatever they are."""

    dtype, bias_type, bits = INT16, INT64, 48

    def __init__(self, model: Model, op: Op) -> None:
        super().__init__(model, op)
        shift = max(p.scaling[1] for products in (self.of_input, self.of_hidden) for p in products.values())
        require(shift <= MOST_SHIFT, op, f"multipliers of up to 2**{shift}")

    @staticmethod
    def _scaled(sums: IntArray, m: AnyIntArray | int, s: AnyIntArray | int) -> IntArray:
        return mbqm64(sums, m, s)
