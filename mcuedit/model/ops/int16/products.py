# SPDX-License-Identifier: Apache-2.0
"""BATCH_MATMUL and TRANSPOSE_CONV of 16-bit activations: sums of 64 bits, rounded once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import numpy as np

from mcuedit._util.typing import FloatArray, Int8Array, Int16Array
from mcuedit.model.ops.common import RANGES, require
from mcuedit.model.ops.int16.common import MOST_SHIFT, mbqm64, no_gradient
from mcuedit.model.ops.products import batch_matmul, transpose_conv
from mcuedit.model.tflite import INT16, INT64, Model, Op


class BatchMatmul(batch_matmul.BatchMatmul):
    """y = clamp(MBQM64(sum(a b)))."""

    dtype = INT16

    def __init__(self, model: Model, op: Op) -> None:
        super().__init__(model, op)
        require(self._scaling[1] <= MOST_SHIFT, op, f"a multiplier of up to 2**{self._scaling[1]}")

    def forward(self, *xs: Int16Array) -> Int16Array:  # type: ignore[override]
        """int16[n, *shape] of each live operand -> int16[n, *output]."""
        a, b = batch_matmul.matrices(self._op, *self._centred(xs))
        found = np.clip(mbqm64((a @ b).astype(np.int64), *self._scaling), *RANGES[INT16])
        return found.astype(np.int16).reshape(-1, *self._y.shape)

    def backward(self, grad: FloatArray, xs: Sequence[Int8Array], y: Int8Array) -> NoReturn:
        """See `Operator`."""
        raise no_gradient(self._op)


class TransposeConv(transpose_conv.TransposeConv):
    """Sums of products of input and filters where windows overlap; a bias of INT64 alone."""

    bias_type, most, bits = INT64, 1 << 15, 48

    def __init__(self, model: Model, op: Op) -> None:
        super().__init__(model, op)
        shift = int(np.max(self._s))
        require(shift <= MOST_SHIFT, op, f"multipliers of up to 2**{shift}")
        self._op = op

    def forward(self, *xs: Int16Array) -> Int16Array:  # type: ignore[override]
        """int16[n, batches, h, w, c] -> int16[n, batches, h', w', c']."""
        found = mbqm64(self._sums(xs[0]) + self._bias, self._m, self._s)
        return np.clip(found, *self._limits).astype(np.int16).reshape(-1, *self._y.shape)

    def backward(self, grad: FloatArray, xs: Sequence[Int8Array], y: Int8Array) -> NoReturn:
        """See `Operator`."""
        raise no_gradient(self._op)
