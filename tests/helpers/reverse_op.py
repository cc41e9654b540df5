# SPDX-License-Identifier: Apache-2.0
"""A new op, as a module of mcuedit/model/ops would have it: REVERSE_V2 of int8 along the first axis."""

from __future__ import annotations

import numpy as np

from mcuedit.model.ops.kinds import Kind, Lowered

HEADER = """
typedef struct {
    uint32_t rows;
    uint32_t width;
} mcuedit_reverse;

void mcuedit_reverse_s8(const mcuedit_reverse *op, const int8_t *input, int8_t *output);
"""

KERNEL = """/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuedit/kernels.h"

void mcuedit_reverse_s8(const mcuedit_reverse *op, const int8_t *input, int8_t *output)
{
    for (uint32_t row = op->rows; row != 0; output += op->width) {
        row--;
        MCUEDIT_COPY(output, input + row * op->width, op->width);
    }
}
"""

RECORD = Kind("helpers.reverse_op:Reverse", "helpers.reverse_op:lower", "helpers.reverse_op:draw")


class Reverse:
    """The last row first."""

    def __init__(self, model, op) -> None:
        pass

    def forward(self, x):
        return np.ascontiguousarray(x[:, ::-1])

    def backward(self, grad, xs, y):
        return (np.ascontiguousarray(grad[:, ::-1]),)


def lower(model, op) -> Lowered:
    shape = model.tensors[op.inputs[0]].shape
    fields = (("rows", str(shape[0])), ("width", str(int(np.prod(shape[1:])))))
    return Lowered("mcuedit_reverse_s8", "mcuedit_reverse", fields)


def draw(d, x, kind):
    y = d.like(x, x.shape)
    d.net.op(kind, [x.index, d.integers([0])], y.index)
    return y
