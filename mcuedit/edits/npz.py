# SPDX-License-Identifier: Apache-2.0
"""Arrays from files, and floats as a base takes them."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mcuedit._util import bounded
from mcuedit._util.errors import McueditError
from mcuedit._util.typing import Int8Array
from mcuedit.model.rims import CORE, Rim
from mcuedit.model.tflite import INT8, Model, Tensor

_FAR = 255  # steps beyond the quantized range from which a float is a mistake and no outlier


@dataclass(frozen=True)
class End:
    """An input or output of a base as files of arrays name it, and what its .tflite has there instead."""

    name: str
    tensor: Tensor
    rim: Rim | None = None


def input_ends(model: Model) -> tuple[End, ...]:
    """All inputs of a base."""
    return tuple(
        End(name, model.tensors[t], rim)
        for name, t, rim in zip(model.input_names, model.inputs, model.input_rims, strict=True)
    )


def output_end(model: Model) -> End:
    """The output that edits are about."""
    at = model.answering
    return End(model.output_names[at], model.output, model.output_rim(at))


def is_plain(ends: Sequence[End]) -> bool:
    """Whether a row of bytes is the only input, one element each."""
    return len(ends) == 1 and ends[0].tensor.dtype == INT8


def is_given(arrays: Mapping[str, npt.NDArray[Any]], name: str, ends: Sequence[End]) -> bool:
    """Whether a file holds an array, or those of several inputs."""
    return name in arrays or (len(ends) > 1 and any(f"{name}:{end.name}" in arrays for end in ends))


def packed(
    where: str, arrays: Mapping[str, npt.NDArray[Any]], name: str, ends: Sequence[End]
) -> tuple[Int8Array, list[str]]:
    """An array of inputs; those of several inputs, `name:input` each, or of 16 bits, as one row of bytes.

    Args:
        where: the file, for messages.

    Returns:
        int8 in the shape given, or int8[n, bytes of all] (of sequences [n, T, bytes]); notes.

    Raises:
        McueditError: as `quantized`; or arrays of several inputs do not go together.
    """
    if name in arrays and arrays[name].dtype == np.int8 and not is_plain(ends):
        return arrays[name], []
    if name in arrays and is_plain(ends):
        return quantized(f"{where}: {name}", arrays[name], ends[0].tensor, ends[0].rim)
    parts: list[Int8Array] = []
    notes: list[str] = []
    lead: tuple[int, ...] | None = None
    for end in ends:
        array = f"{name}:{end.name}" if len(ends) > 1 else name
        if array not in arrays:
            listed = ", ".join(repr(f"{name}:{e.name}") for e in ends)
            raise McueditError(f"{where}: no array {array!r}", f"a base of {len(ends)} inputs takes {listed}")
        values, shape = arrays[array], end.tensor.shape[1:]
        ahead = values.shape[: values.ndim - len(shape)]
        if values.shape[len(ahead) :] != shape or len(ahead) not in (1, 2) or lead not in (None, ahead):
            also = f" and begins with {list(lead)} in the others" if lead else ""
            wants = ", ".join(map(str, ["n", *shape]))
            raise McueditError(f"{where}: {array} has shape {list(values.shape)}", f"this base wants [{wants}]{also}")
        lead = ahead
        made, said = quantized(f"{where}: {array}", values, end.tensor, end.rim)
        parts.append(made.reshape(*lead, end.tensor.nbytes))
        notes += said
    return np.concatenate(parts, axis=-1), notes


def quantized(
    name: str, values: npt.NDArray[Any], tensor: Tensor, rim: Rim | None = None
) -> tuple[Int8Array, list[str]]:
    """Elements as they are, floats in real units by the scale and zero point of a tensor; both as bytes.

    Args:
        name: what to call the values in messages.
        rim: of the .tflite: values of its type become what its QUANTIZE makes of them, or come of its last op.

    Returns:
        the values, and a note if some of them clip

    Raises:
        McueditError: another type, NaN or infinity, or a value so far outside that the units must be wrong.
    """
    if values.dtype == np.int8 == CORE[tensor.dtype]:
        return values, []
    made, notes = _quantized(name, values, tensor, rim)
    return made if made.dtype == np.int8 else np.ascontiguousarray(made).view(np.int8), notes


def _quantized(
    name: str, values: npt.NDArray[Any], tensor: Tensor, rim: Rim | None
) -> tuple[npt.NDArray[Any], list[str]]:
    """The elements, of the tensor's type."""
    core = CORE[tensor.dtype]
    low_q, high_q = int(np.iinfo(core).min), int(np.iinfo(core).max)
    if values.dtype == core:
        return values, []
    if rim is not None and rim.outer.dtype != "FLOAT32" and values.dtype == rim.dtype:
        return (rim.quantize if rim.is_input else rim.nearest)(values), []
    if values.dtype.kind != "f":
        also = f", {np.dtype(rim.dtype).name} as the .tflite," if rim is not None else ","
        raise McueditError(f"{name} is {values.dtype}", f"give {np.dtype(core).name}{also} or floats to be quantized")
    if not np.isfinite(values).all():
        raise McueditError(f"{name} holds NaN or infinity", "give finite values")
    steps = np.round(values.astype(np.float64) / float(tensor.scale[0])) + tensor.zero
    beyond = np.maximum(steps - high_q, low_q - steps)
    low, high = ((q - tensor.zero) * float(tensor.scale[0]) for q in (low_q, high_q))
    if beyond.max(initial=0) > _FAR * (1 << 8 * (np.dtype(core).itemsize - 1)):
        at = np.unravel_index(int(beyond.argmax()), values.shape)
        where = ", ".join(map(str, at))
        raise McueditError(
            f"{name}[{where}] is {values[at]:.6g}, far outside {low:.6g}..{high:.6g}",
            f"scale it as the base was trained with (tensor {tensor.name!r}), or give {np.dtype(core).name}",
        )
    clipped = int((beyond > 0).sum())
    note = f"{name}: {clipped} of {values.size} values lie outside {low:.6g}..{high:.6g} and clip"
    exact = rim is not None and rim.is_input and rim.outer.dtype == "FLOAT32"
    made = rim.quantize(values) if rim is not None and exact else np.clip(steps, low_q, high_q).astype(core)
    return made, [note] if clipped else []


def read_npz(path: Path, hint: str) -> dict[str, npt.NDArray[Any]]:
    """All arrays of an .npz by name.

    Args:
        hint: how to make such a file, for the error.

    Raises:
        McueditError: the file is missing, damaged, or no .npz.
    """
    try:
        with bounded.opened(path) as handle:
            file = np.load(handle, allow_pickle=False)
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise McueditError(f"{path}: a single array, not an .npz", hint)
            size = sum(one.file_size for one in zipfile.ZipFile(handle).infolist())
            if size > bounded.ARRAYS:
                limit = bounded.shown(bounded.ARRAYS)
                raise McueditError(f"{path}: {size:,} bytes unpacked, {limit} are the limit for arrays", "split it")
            return {name: file[name] for name in file.files}
    except McueditError:
        raise
    except OSError as error:
        raise McueditError(f"{path}: {error.strerror or error}", hint) from error
    except Exception as error:  # zipfile, zlib and numpy raise a dozen kinds on damaged files
        raise McueditError(f"{path}: no .npz that can be read ({error})", hint) from error
