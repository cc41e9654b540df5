# SPDX-License-Identifier: Apache-2.0
"""Arrays from files, and floats as a base takes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import Int8Array
from mcuedit.model.tflite import Tensor

_FAR = 255  # steps beyond the quantized range from which a float is a mistake and no outlier


def quantized(name: str, values: npt.NDArray[Any], tensor: Tensor) -> tuple[Int8Array, list[str]]:
    """int8 as it is; floats in real units by the scale and zero point of a tensor.

    Args:
        name: what to call the values in messages.

    Returns:
        the values, and a note if some of them clip

    Raises:
        McueditError: another type, NaN or infinity, or a value so far outside that the units must be wrong.
    """
    if values.dtype == np.int8:
        return values, []
    if values.dtype.kind != "f":
        raise McueditError(f"{name} is {values.dtype}", "give int8, or floats to be quantized")
    if not np.isfinite(values).all():
        raise McueditError(f"{name} holds NaN or infinity", "give finite values")
    steps = np.round(values.astype(np.float64) / float(tensor.scale[0])) + tensor.zero
    beyond = np.maximum(steps - 127, -128 - steps)
    low, high = ((q - tensor.zero) * float(tensor.scale[0]) for q in (-128, 127))
    if beyond.max(initial=0) > _FAR:
        at = np.unravel_index(int(beyond.argmax()), values.shape)
        where = ", ".join(map(str, at))
        raise McueditError(
            f"{name}[{where}] is {values[at]:.6g}, far outside {low:.6g}..{high:.6g}",
            f"scale it as the base was trained with (tensor {tensor.name!r}), or give int8",
        )
    clipped = int((beyond > 0).sum())
    note = f"{name}: {clipped} of {values.size} values lie outside {low:.6g}..{high:.6g} and clip"
    return np.clip(steps, -128, 127).astype(np.int8), [note] if clipped else []


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
