# SPDX-License-Identifier: Apache-2.0
"""The ops between a target's output and what edits are about."""

from __future__ import annotations

from collections.abc import Mapping

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import FloatArray, Int8Array
from mcuedit.adapter.forward import remembered
from mcuedit.model import ops
from mcuedit.model.adaptable import OpGeometry, op_geometry
from mcuedit.model.ops.int16.common import no_gradient
from mcuedit.model.ops.int16.kinds import wide
from mcuedit.model.tflite import Model, Op

_QUICK, _RESCALE = 16, 20


class Suffix:
    """The ops between a target's output and a later tensor, run exactly and differentiated straight through.

    Only ops that depend on the target and lead to the end take part. What else they read does not depend on the
    target: these `side` tensors are those of the base, and a caller hands in their samples.

    Attributes:
        start: the target's output.
        end: the tensor it ends in: the logits, or a vector to be reproduced.
        side: tensors wanted from the trace, in no order that matters; often none.
        cost: of one input forward, roughly, in multiplications.

    Raises:
        McueditError: an op on the way is not simulated, or the end does not depend on the target.
    """

    def __init__(self, model: Model, target: int, end: int) -> None:
        self.start, self.end = model.ops[target].outputs[0], end
        self._model, self._target = model, target
        path = _between(model, target, end)
        for op in path:
            if wide(model, op):
                raise no_gradient(op)
        wanted = {end, *(t for op in path for t in model.sources(op))}
        self._steps = [
            (ops.operator(model, op, k), model.sources(op), y)
            for op in path
            for k, y in enumerate(op.outputs)
            if y in wanted
        ]
        self._made = {self.start, *(y for _, _, y in self._steps)}
        self.side = tuple(dict.fromkeys(t for _, xs, _ in self._steps for t in xs if t not in self._made))
        self._shape = model.tensors[self.start].shape
        self.cost = sum(_cost(model, op) for op in path)

    @property
    def target(self) -> OpGeometry:
        """Geometry of the target."""
        return op_geometry(self._model, self._target)

    def forward(self, y: Int8Array, side: Mapping[int, Int8Array]) -> dict[int, Int8Array]:
        """Every tensor on the way, from the target's output to the end: int8[n, *shape] by tensor index.

        Args:
            y: the target's output with its n samples first, in any shape.
            side: int8[n, *shape] of at least the tensors in `side`.
        """
        values = {t: side[t] for t in self.side}
        values[self.start] = y.reshape(len(y), *self._shape)
        for op, xs, made in self._steps:
            values[made] = op.forward(*(values[t] for t in xs))
        return values

    def backward(self, grad: FloatArray, values: Mapping[int, Int8Array]) -> FloatArray:
        """Gradient at the target's output, float32[n, *shape], from that at the end, both in int8 steps.

        Args:
            grad: with its n samples first, in any shape.
            values: from `forward`.
        """
        grads = {self.end: grad.reshape(values[self.end].shape)}
        for op, xs, made in reversed(self._steps):
            if made not in grads:  # an output of a split that only leads elsewhere
                continue
            back = op.backward(grads.pop(made), [values[t] for t in xs], values[made])
            for t, g in zip(xs, back, strict=True):
                if t in self._made:
                    grads[t] = grads[t] + g if t in grads else g
        return grads[self.start]


def _cost(model: Model, op: Op) -> int:
    """What an op takes, in the multiplications of `Work`: those of a matrix are quick, rescaling an element is not."""
    weights = model.tensors[op.inputs[1]] if len(op.inputs) > 1 and op.inputs[1] >= 0 else None
    made = model.tensors[op.outputs[0]]
    taps = weights.size // made.shape[-1] if weights is not None and weights.data is not None and made.shape else 1
    return made.size * (taps // _QUICK + _RESCALE)


def _between(model: Model, target: int, end: int) -> list[Op]:
    """Ops after `target` that depend on it and that tensor `end` depends on, in order of execution."""
    later = [op for op in model.ops[target + 1 :] if model.is_core(op)]
    depends = {model.ops[target].outputs[0]}
    for op in later:
        if depends.intersection(model.sources(op)):
            if model.keeps_state(op):
                raise remembered(op)
            depends.update(op.outputs)
    if end not in depends:
        raise McueditError(
            f"op {target} {model.ops[target].kind} has no influence on tensor {end} ({model.tensors[end].name!r})",
            "choose a target that leads to the model's output",
        )
    leads, path = {end}, []
    for op in reversed(later):
        if leads.intersection(op.outputs) and depends.intersection(op.outputs):
            leads.update(t for t in model.sources(op) if t in depends)
            path.append(op)
    return path[::-1]
