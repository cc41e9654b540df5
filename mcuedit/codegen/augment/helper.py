# SPDX-License-Identifier: Apache-2.0
"""The C header beside a file of the form `inputs`: sets the adapter's inputs, and swaps adapters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mcuedit
from mcuedit.adapter.delta import Adapter
from mcuedit.codegen import literals
from mcuedit.codegen.augment.slots import Given
from mcuedit.codegen.names import base_names, comment, distinct_names
from mcuedit.codegen.render import render_text
from mcuedit.model.tflite import Model


def inputs_header(file: str, model: Model, adapters: Sequence[Adapter], given: Sequence[Given]) -> str:
    """Text of the header.

    Args:
        file: name of the .tflite, without what stands behind the dot; `FILE_inputs.h` is the header's.

    Raises:
        McueditError: two adapters would have one name in C.
    """
    names, called = base_names(file), distinct_names(file, adapters)
    arrays: list[dict[str, Any]] = []
    inputs = []
    for one in given:
        symbols = [_array(names.symbol, one, k, arrays) for k in range(len(one.values))]
        inputs.append({"position": one.position, "nbytes": one.values[0].nbytes, "choices": symbols})
    context = {
        "version": mcuedit.__version__,
        "file": comment(f"{file}.tflite"),
        "base_sha256": model.sha256,
        "names": names,
        "adapters": [
            {"macro": own.macro, "title": comment(f"{adapter.name} {adapter.version}")}
            for own, adapter in zip(called, adapters, strict=True)
        ],
        "arrays": arrays,
        "inputs": inputs,
    }
    return render_text("augment/inputs.h.j2", context)


def _array(prefix: str, one: Given, choice: int, arrays: list[dict[str, Any]]) -> str:
    """The symbol of what an input is given, which is added to the arrays where there is none alike."""
    values = one.values[choice]
    text, kind = literals.array(values), literals.C_TYPES[values.dtype.name]
    alike = next((known for known in arrays if (known["type"], known["text"]) == (kind, text)), None)
    if alike is None:
        title = comment(f"{one.name.removeprefix('mcuedit/')}")
        symbol = f"{prefix}_input_{one.position}_{choice}"
        alike = {"symbol": symbol, "type": kind, "size": values.size, "text": text, "title": title}
        arrays.append(alike)
    return str(alike["symbol"])
