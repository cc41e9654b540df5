# SPDX-License-Identifier: Apache-2.0
"""Windows tap by tap: numpy loops over the few elements of a kernel, not over pixels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from mcuedit.model.windows import Window

_PIECE = 1 << 18  # elements of a padded input that are worked on at once, to stay in the cache


def pieces(window: Window, n: int, channels: int) -> Iterator[slice]:
    """Slices of n samples, each small enough for the cache."""
    step = max(1, _PIECE // max(1, window.batches * window.in_h * window.in_w * channels))
    return (slice(start, start + step) for start in range(0, n, step))


def padded(window: Window, x: npt.NDArray[Any], value: int, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """[n, batches, in_h, in_w, c] -> [n * batches, h, w, c], large enough for every tap of every window."""
    high = (window.out_h - 1) * window.stride_h + (window.kernel_h - 1) * window.dilation_h + 1
    wide = (window.out_w - 1) * window.stride_w + (window.kernel_w - 1) * window.dilation_w + 1
    high, wide = max(high, window.pad_top + window.in_h), max(wide, window.pad_left + window.in_w)
    channels = x.shape[-1]
    found = np.full((len(x) * window.batches, high, wide, channels), value, dtype)
    inner(window, found)[...] = x.reshape(-1, window.in_h, window.in_w, channels)
    return found


def inner(window: Window, around: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The view of what `padded` was given."""
    return around[:, window.pad_top : window.pad_top + window.in_h, window.pad_left : window.pad_left + window.in_w]


def elements(window: Window, around: npt.NDArray[Any]) -> Iterator[tuple[int, int, npt.NDArray[Any]]]:
    """Each tap's row, column, and view of a padded array: [n * batches, out_h, out_w, c]."""
    for i in range(window.kernel_h):
        for j in range(window.kernel_w):
            top, left = i * window.dilation_h, j * window.dilation_w
            bottom = top + (window.out_h - 1) * window.stride_h + 1
            right = left + (window.out_w - 1) * window.stride_w + 1
            yield i, j, around[:, top : bottom : window.stride_h, left : right : window.stride_w]
