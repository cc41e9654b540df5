# SPDX-License-Identifier: Apache-2.0
"""Samples that calibrate a network."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import FloatArray, Int8Array
from mcuedit.edits import load_keep
from mcuedit.edits.npz import read_npz
from mcuedit.model import text

_HINT = "np.savez('samples.npz', x=x), x float32[n, *input] as the network was trained on"


def read(path: Path, width: int | None = None) -> FloatArray:
    """Samples from an .npz, or prompts from a file with one a line (or JSONL).

    Args:
        width: number of text features; None where the network takes other things than text.

    Returns:
        float32[n, *shape], n > 0, all finite.

    Raises:
        McueditError: the file is missing, damaged, or holds something else.
    """
    if path.suffix != ".npz" and width is not None:
        _require_power_of_two(width)
        return _real(text.encode(load_keep(path).prompts, width))
    arrays = read_npz(path, _HINT)
    x = arrays.get("x", next(iter(arrays.values())) if len(arrays) == 1 else None)
    if x is None:
        raise McueditError(f"{path}: no array x, but {', '.join(arrays) or 'nothing'}", _HINT)
    if width is not None and x.dtype == np.int8:
        x = _real(x)
    if x.dtype.kind != "f":
        raise McueditError(f"{path}: x is {x.dtype}", _HINT)
    if x.ndim < 2 or not x.size:
        raise McueditError(f"{path}: x has shape {x.shape}", _HINT)
    if width is not None:
        _require_power_of_two(x[0].size)
    if not np.isfinite(x).all():
        at = tuple(map(int, np.argwhere(~np.isfinite(x))[0]))
        raise McueditError(f"{path}: x[{', '.join(map(str, at))}] is {x[at]}", "give finite values")
    if width is not None and np.abs(x).max() > 128 * text.SCALE:
        raise McueditError(
            f"{path}: text features lie from -8 to 7.9375, x reaches {float(np.abs(x).max()):.6g}",
            "train on mcuedit.model.text.encode(prompts, N) times 1/16, or put a Rescaling(16) layer first",
        )
    return x.astype(np.float32)


def _real(x: Int8Array) -> FloatArray:
    return x.astype(np.float32) * np.float32(text.SCALE)


def _require_power_of_two(width: int) -> None:
    if width < 2 or width & (width - 1):
        raise McueditError(f"{width} features are no power of two", "text-hash needs one: SPEC.md, section 4")
