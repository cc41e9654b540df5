# SPDX-License-Identifier: Apache-2.0
"""Names of the arrays that pass between rooms, by their element type. Shapes stand in docstrings."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Int8Array = npt.NDArray[np.int8]
IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]
DoubleArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
UInt32Array = npt.NDArray[np.uint32]
Int32Array = npt.NDArray[np.int32]
Int16Array = npt.NDArray[np.int16]
AnyIntArray = npt.NDArray[np.integer]
