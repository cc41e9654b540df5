# SPDX-License-Identifier: Apache-2.0
"""C literals: arrays and strings, one deterministic layout."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

C_TYPES = {name: f"{name}_t" for name in ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64")}
_PER_LINE = {"int8": 18, "uint8": 18, "int16": 14, "uint16": 14, "int32": 8, "uint32": 8, "int64": 5}
_HEX_PER_LINE = 16
_INT32_MIN = -(1 << 31)


def array(values: npt.NDArray[Any]) -> str:
    """Elements of a flat array, in indented lines of at most 120 columns."""
    flat = values.reshape(-1).tolist()
    per_line = _PER_LINE[values.dtype.name]
    words = ["INT32_MIN" if v == _INT32_MIN else str(v) for v in flat] if values.dtype == np.int32 else map(str, flat)
    words = list(words)
    lines = (", ".join(words[i : i + per_line]) for i in range(0, len(words), per_line))
    return "".join(f"    {line},\n" for line in lines)


def hexadecimal(data: bytes) -> str:
    """Bytes, in indented lines of at most 120 columns."""
    lines = (data[i : i + _HEX_PER_LINE] for i in range(0, len(data), _HEX_PER_LINE))
    return "".join(f"    {', '.join(f'0x{byte:02x}' for byte in line)},\n" for line in lines)


def string(raw: bytes) -> str:
    """A string literal of any bytes, NUL-terminated within it."""
    return '"' + "".join(map(_escape, raw)) + '\\0"'


def argument(operand: str | tuple[str, ...], named: Mapping[str, str]) -> str:
    """An operand of a kernel (`Lowered.operands`), from the C expressions of all that it may name."""
    if isinstance(operand, str):
        return named[operand]
    const = "" if operand[0].startswith("output") else "const "
    return f"({const}int8_t *const[]){{{', '.join(named[name] for name in operand)}}}"


def _escape(byte: int) -> str:
    char = chr(byte)
    if char in '"\\?':  # the question mark for trigraphs
        return "\\" + char
    return char if 0x20 <= byte < 0x7F else f"\\{byte:03o}"


def little_endian(arrays: Iterable[npt.NDArray[Any]]) -> bytes:
    """The arrays as they lie in flash, one after the other."""
    return b"".join(a.astype(a.dtype.newbyteorder("<")).tobytes() for a in arrays)
