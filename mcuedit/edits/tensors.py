# SPDX-License-Identifier: Apache-2.0
"""Edit sets of tensors: .npz with x, y and optionally keep."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mcuedit.errors import McueditError
from mcuedit.model import Tensor

_HINT = "numpy.savez('edits.npz', x=inputs, y=class_numbers, keep=other_inputs)"


@dataclass(frozen=True)
class TensorSet:
    """Inputs to be answered anew, and inputs to be kept.

    Attributes:
        x: int8[n, *input shape].
        y: int64[n], the classes wanted.
        keep: int8[k, *input shape]; k may be 0.
    """

    x: npt.NDArray[np.int8]
    y: npt.NDArray[np.int64]
    keep: npt.NDArray[np.int8]
    source: str = "tensors"
    notes: tuple[str, ...] = ()


def load_tensors(path: str | Path, model_input: Tensor, n_classes: int) -> TensorSet:
    """Reads and checks an .npz against the input of a base.

    int8 arrays are taken as they are; floating point ones are quantized with the input's scale and zero point.

    Raises:
        McueditError: names the array, its shape, dtype or value, and what the base wants.
    """
    path = Path(path)
    arrays = read_npz(path, _HINT)
    for name in ("x", "y"):
        if name not in arrays:
            raise McueditError(f"{path}: no array {name!r}", _HINT)
    shape = model_input.shape[1:]
    x = _inputs(path, "x", arrays["x"], model_input)
    keep = _inputs(path, "keep", arrays["keep"], model_input) if "keep" in arrays else np.zeros((0, *shape), np.int8)
    y = arrays["y"]
    if y.shape != (len(x),) or y.dtype.kind not in "iu":
        raise McueditError(f"{path}: y is {y.dtype}{list(y.shape)}", f"give {len(x)} class numbers, one per row of x")
    bad = y[(y < 0) | (y >= n_classes)]
    if len(bad):
        raise McueditError(f"{path}: y holds {bad[0]}", f"classes of this base are 0..{n_classes - 1}")
    if not len(x):
        raise McueditError(f"{path}: x is empty", _HINT)
    unknown = sorted(set(arrays) - {"x", "y", "keep"})
    return TensorSet(x, y.astype(np.int64), keep, str(path), tuple(f"{path}: array {n!r} is ignored" for n in unknown))


def read_npz(path: Path, hint: str) -> dict[str, npt.NDArray[Any]]:
    """All arrays of an .npz by name.

    Args:
        hint: how to make such a file, for the error.

    Raises:
        McueditError: the file is missing, damaged, or no .npz.
    """
    try:
        with path.open("rb") as handle:
            file = np.load(handle, allow_pickle=False)
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise McueditError(f"{path}: a single array, not an .npz", hint)
            return {name: file[name] for name in file.files}
    except McueditError:
        raise
    except OSError as error:
        raise McueditError(f"{path}: {error.strerror or error}", hint) from error
    except Exception as error:  # zipfile, zlib and numpy raise a dozen kinds on damaged files
        raise McueditError(f"{path}: no .npz that can be read ({error})", hint) from error


def _inputs(path: Path, name: str, values: npt.NDArray[Any], model_input: Tensor) -> npt.NDArray[np.int8]:
    shape = model_input.shape[1:]
    if values.shape[1:] != shape or values.ndim != 1 + len(shape):
        wanted = ", ".join(["n", *map(str, shape)])
        raise McueditError(f"{path}: {name} has shape {list(values.shape)}", f"this base wants [{wanted}]")
    if values.dtype == np.int8:
        return values
    if values.dtype.kind != "f":
        raise McueditError(f"{path}: {name} is {values.dtype}", "give int8, or floats to be quantized")
    if not np.isfinite(values).all():
        raise McueditError(f"{path}: {name} holds NaN or infinity", "give finite values")
    steps = np.round(values.astype(np.float64) / float(model_input.scale[0])) + model_input.zero
    return np.clip(steps, -128, 127).astype(np.int8)
