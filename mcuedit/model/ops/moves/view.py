# SPDX-License-Identifier: Apache-2.0
"""How an output lies in an input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt


@dataclass(frozen=True)
class View:
    """An output as a view of an array of the input's shape.

    Attributes:
        of: gives an array whose elements, in C order, are the output's; it may have more axes.
        shape: of the output.
        strided: `of` copies nothing.
    """

    of: Callable[[npt.NDArray[Any]], npt.NDArray[Any]]
    shape: tuple[int, ...]
    strided: bool = True
