# SPDX-License-Identifier: Apache-2.0
"""MEAN and SUM of 16-bit elements, over any axes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mcuedit.model.fixedpoint import mbqm
from mcuedit.model.ops import reductions
from mcuedit.model.ops.common import RANGES, require
from mcuedit.model.tflite import INT16, Model, Op

_MOST_ELEMENTS = 1 << 15  # whose sum has 31 bits


class Sum(reductions.Sum):
    """y = clamp(MBQM(sum))."""

    def __init__(self, model: Model, op: Op) -> None:
        super().__init__(model, op)
        require(self._count <= _MOST_ELEMENTS, op, f"a sum of {self._count} elements of 16 bits")

    def forward(self, *xs: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """int16[n, *input] -> int16[n, *output]."""
        total = xs[0].sum(axis=self._axes, dtype=np.int64).reshape(-1, self._y.size)
        return np.clip(mbqm(total, *self._scaling), *RANGES[INT16]).astype(np.int16).reshape(-1, *self._y.shape)
