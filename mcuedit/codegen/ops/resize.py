# SPDX-License-Identifier: Apache-2.0
"""RESIZE_NEAREST_NEIGHBOR, whose elements may have 16 bits, and RESIZE_BILINEAR."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcuedit.model.ops import operator
from mcuedit.model.ops.kinds import Lowered
from mcuedit.model.ops.resize import Between, between, nearest_pixels
from mcuedit.model.tflite import Model, Op


def lower_nearest(model: Model, op: Op) -> Lowered:
    """A call of mcuedit_resize_nearest_s8."""
    operator(model, op)  # proves that types and shapes fit
    rows, columns = nearest_pixels(model, op)
    x = model.tensors[op.inputs[0]]
    _, _, wide, depth = (*x.shape[:3], x.shape[3] * x.nbytes // x.size)  # in bytes
    tables = {"rows": (rows * wide * depth).astype(np.int32), "columns": (columns * depth).astype(np.int32)}
    return _resize(model, op, "mcuedit_resize_nearest_s8", tables)


def lower_bilinear(model: Model, op: Op) -> Lowered:
    """A call of mcuedit_resize_bilinear_s8."""
    operator(model, op)  # proves that types and shapes fit
    rows, columns = between(model, op)
    _, _, wide, depth = model.tensors[op.inputs[0]].shape
    tables = {"rows": _triples(rows, wide * depth), "columns": _triples(columns, depth)}
    return _resize(model, op, "mcuedit_resize_bilinear_s8", tables)


def _triples(axis: Between, step: int) -> npt.NDArray[np.int32]:
    return np.stack([axis.first * step, axis.second * step, axis.fraction], axis=1).astype(np.int32)


def _resize(model: Model, op: Op, function: str, tables: dict[str, npt.NDArray[Any]]) -> Lowered:
    x, y = model.tensors[op.inputs[0]], model.tensors[op.outputs[0]]
    batches, high, wide, depth = y.shape
    params = {"rows": "{rows}", "columns": "{columns}", "image": x.nbytes // batches, "batches": batches}
    params |= {"out_h": high, "out_w": wide, "depth": depth * y.nbytes // y.size}
    fields = tuple((name, str(value)) for name, value in params.items())
    return Lowered(function, "mcuedit_resize", fields, tables)
