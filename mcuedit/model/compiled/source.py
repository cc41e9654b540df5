# SPDX-License-Identifier: Apache-2.0
"""Tensors of a compiled model in the model that it was compiled from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import Int8Array
from mcuedit.model.tflite import INT8, Model, Tensor

if TYPE_CHECKING:
    from mcuedit.model.oracle import Oracle

SOURCE = "source.tflite"
_UNCHANGED = f"let {SOURCE} be the very .tflite that Vela read to make model.tflite"


def attached(model: Model, source: Model) -> Model:
    """A compiled model that knows what it was compiled from.

    Raises:
        McueditError: nothing of the model is an accelerator's, or a tensor of it is not in the source as it is here.
    """
    if not model.is_compiled:
        raise McueditError(f"{SOURCE} beside a model that no accelerator runs", f"take {SOURCE} out of the folder")
    if source.is_compiled:
        raise McueditError(f"{SOURCE} is compiled for an accelerator, too", _UNCHANGED)
    _places(model, source)
    note = f"what the accelerator gives is taken from {SOURCE}, SHA-256 {source.sha256[:16]}"
    return replace(model, source=source, notes=(*model.notes, note))


def oracle(model: Model, make: Callable[[Model], Oracle]) -> Oracle:
    """What a model computes: `make(model)`, and of a compiled one, what its source does.

    Raises:
        McueditError: as `make`, or a compiled model has no source.
    """
    return FromSource(model, make) if model.is_compiled else make(model)


class FromSource:
    """An `Oracle` of a compiled model: `make` runs what it was compiled from."""

    def __init__(self, model: Model, make: Callable[[Model], Oracle]) -> None:
        if model.source is None:
            op = next(op for op in model.ops if op.is_accelerator)
            raise McueditError(
                f"op {op.index} custom op {op.custom!r}: compiled by Vela for an Arm Ethos-U, its layers are a command "
                "stream",
                f"give a folder with this file as model.tflite and, as {SOURCE}, the int8 .tflite that Vela read",
            )
        self._model, self._of = model, make(model.source)
        self._places = _places(model, model.source)
        self.name = f"{self._of.name}, of {SOURCE}"

    def activations(self, x: Int8Array, tensors: Sequence[int]) -> dict[int, Int8Array]:
        """See Oracle."""
        found = self._of.activations(x, [self._places[t] for t in tensors])
        shapes = {t: self._model.tensors[t].shape for t in tensors}
        return {t: np.asarray(found[self._places[t]]).reshape(len(x), *shape) for t, shape in shapes.items()}


def _places(model: Model, source: Model) -> dict[int, int]:
    """Index in the source of every int8 activation of a compiled model."""
    core = (op for op in model.ops if model.is_core(op))
    used = [*model.inputs, *model.outputs, *(t for op in core for t in (*model.sources(op), *op.outputs))]
    found = {t: _same(model.tensors[t], source) for t in used if model.tensors[t].dtype == INT8}
    if [found[t] for t in model.inputs] != list(source.inputs):
        names = ", ".join(repr(source.tensors[t].name) for t in source.inputs)
        raise McueditError(f"the inputs of {SOURCE} are others: {names}", _UNCHANGED)
    return found


def _same(tensor: Tensor, source: Model) -> int:
    """The tensor of the source with the name, the shape and the quantization of one.

    Raises:
        McueditError: there is none, or there are several.
    """
    named = [t for t in source.tensors if t.name == tensor.name and t.data is None]
    alike = [t.index for t in named if _form(t) == _form(tensor)]
    if len(alike) == 1:
        return alike[0]
    what = f"tensor {tensor.name!r}, {_form(tensor)}"
    if not named:
        raise McueditError(f"{what}: {SOURCE} has none of this name", _UNCHANGED)
    if not alike:
        raise McueditError(f"{what}: that of {SOURCE} is {_form(named[0])}", _UNCHANGED)
    raise McueditError(f"{what}: {SOURCE} has {len(alike)} of them", "give its tensors names of their own")


def _form(tensor: Tensor) -> str:
    shape = "x".join(map(str, tensor.shape))
    return f"{tensor.dtype} {shape}, scale {tensor.scale.tolist()}, zero point {tensor.zero_point.tolist()}"
