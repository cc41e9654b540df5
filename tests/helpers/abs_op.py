# SPDX-License-Identifier: Apache-2.0
"""A new op, as a module of mcuedit/model/ops would have it: ABS of int8, its output quantized as its input."""

from __future__ import annotations

import numpy as np

from mcuedit.model.ops.kinds import Kind, Lowered

HEADER = """
typedef struct {
    int32_t zero_point;
    uint32_t size;
} mcuedit_abs;

void mcuedit_abs_s8(const mcuedit_abs *op, const int8_t *input, int8_t *output);
"""

KERNEL = """/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuedit/kernels.h"

void mcuedit_abs_s8(const mcuedit_abs *op, const int8_t *input, int8_t *output)
{
    for (uint32_t n = op->size; n != 0; n--) {
        int32_t value = *input++ - op->zero_point;
        int32_t sum = (value < 0 ? -value : value) + op->zero_point;
        *output++ = (int8_t)(sum > 127 ? 127 : sum);
    }
}
"""

RECORD = Kind("helpers.abs_op:Abs", "helpers.abs_op:lower", "helpers.abs_op:draw", options="AbsOptions")


class Abs:
    """y = min(|x - zero| + zero, 127)"""

    def __init__(self, model, op) -> None:
        self._zero = model.tensors[op.inputs[0]].zero

    def forward(self, x):
        return np.minimum(np.abs(x.astype(np.int32) - self._zero) + self._zero, 127).astype(np.int8)

    def backward(self, grad, xs, y):
        return (np.where(y < 127, grad * np.where(xs[0] < self._zero, -1, 1), 0).astype(np.float32),)


def lower(model, op) -> Lowered:
    x = model.tensors[op.inputs[0]]
    fields = (("zero_point", str(x.zero)), ("size", str(x.size)))
    return Lowered("mcuedit_abs_s8", "mcuedit_abs", fields, in_place=(0,))


def draw(d, x, kind):
    y = d.like(x, x.shape)
    d.net.op(kind, [x.index], y.index)
    return y
