# SPDX-License-Identifier: Apache-2.0
"""Where activations lie and what an inference calls, in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mcuedit.carrier import carries
from mcuedit.codegen.ops import Lowered, is_shape_arithmetic, lower
from mcuedit.errors import McueditError
from mcuedit.model import Model, Op

_ALIGN = 4  # of places in the arena: whole words are read where a core can


@dataclass(frozen=True)
class Place:
    """Bytes of an activation: `offset` counts within `where`, of which input and output are the caller's."""

    where: Literal["input", "output", "arena"]
    offset: int
    size: int


@dataclass(frozen=True)
class Stage:
    """What happens between two probes: "latch" (op is None), or "project", "op" or "add" of an op."""

    kind: Literal["latch", "project", "op", "add"]
    op: int | None = None


@dataclass(frozen=True)
class Plan:
    """An inference.

    Attributes:
        lowered: one per op of the model.
        places: of every activation, by tensor index.
        arena_size: bytes.
        logits: the tensor whose largest element is a classifier's answer: what a last SOFTMAX reads, else the output.
    """

    model: Model
    lowered: tuple[Lowered, ...]
    places: dict[int, Place]
    arena_size: int
    logits: int

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Probe k + 1 of a probe build ends stage k."""
        stages = [Stage("latch")]
        for op in self.model.ops:
            if carries(op):
                stages += [Stage("project", op.index), Stage("op", op.index), Stage("add", op.index)]
            elif self.called(op):
                stages.append(Stage("op", op.index))
        return tuple(stages)

    def called(self, op: Op) -> bool:
        """Whether the op leaves any code: it computes, or its bytes must move."""
        if op.outputs[0] not in self.places:
            return False
        return bool(self.lowered[op.index].function) or self.places[op.inputs[0]] != self.places[op.outputs[0]]


def plan(model: Model, *, preserve: bool = False) -> Plan:
    """Plans the inference of a model.

    Args:
        preserve: no activation is overwritten by another one.

    Raises:
        McueditError: an op, or the graph's form, is not in the bare runtime.
    """
    lowered = tuple(lower(model, op) for op in model.ops)
    ops = [op for op in model.ops if not is_shape_arithmetic(model, op)]
    _check_graph(model, ops)
    logits = _logits(model, ops)
    owner = _owners(model, ops, lowered)
    places = {owner[model.outputs[0]]: Place("output", 0, model.output.size)}
    places[owner[model.inputs[0]]] = Place("input", 0, model.input.size)
    rest = sorted({o for o in owner.values() if o not in places})
    lives = _lifetimes(ops, owner, keep=owner[logits])
    arena = _allocate({o: model.tensors[o].size for o in rest}, lives, preserve)
    places |= {o: Place("arena", offset, model.tensors[o].size) for o, offset in arena.items()}
    result = {t: places[o] for t, o in owner.items()}
    if owner[model.inputs[0]] == owner[model.outputs[0]]:  # nothing but RESHAPE: the bytes must move
        result[model.outputs[0]] = Place("output", 0, model.output.size)
    size = max((p.offset + p.size for p in result.values() if p.where == "arena"), default=0)
    return Plan(model, lowered, result, size, logits)


def _check_graph(model: Model, ops: Sequence[Op]) -> None:
    known = {model.inputs[0]}
    for op in ops:
        if op.inputs[0] not in known or len(op.outputs) != 1:
            raise McueditError(
                f"op {op.index} {op.kind} reads tensor {op.inputs[0]} before an op wrote it, or has several outputs",
                "convert the model again: ops must stand in execution order",
            )
        known.add(op.outputs[0])
    if model.outputs[0] not in known:
        raise McueditError("no op writes the model's output", "convert the model again")


def _logits(model: Model, ops: Sequence[Op]) -> int:
    tensor = model.outputs[0]
    for op in reversed(ops):
        if op.outputs[0] == tensor and op.kind in ("RESHAPE", "SOFTMAX"):
            tensor = op.inputs[0]
            if op.kind == "SOFTMAX":
                return tensor
    return model.outputs[0]


def _owners(model: Model, ops: Sequence[Op], lowered: Sequence[Lowered]) -> dict[int, int]:
    """Activations -> the first tensor with the same bytes."""
    owner = {model.inputs[0]: model.inputs[0]}
    for op in ops:
        owner[op.outputs[0]] = op.outputs[0] if lowered[op.index].function else owner[op.inputs[0]]
    return owner


def _lifetimes(ops: Sequence[Op], owner: dict[int, int], keep: int) -> dict[int, tuple[int, int]]:
    """First and last op that touch each owner; `keep` is read after the inference."""
    lives: dict[int, tuple[int, int]] = {}
    for op in ops:
        for tensor in (op.inputs[0], op.outputs[0]):
            first, _ = lives.get(owner[tensor], (op.index, op.index))
            lives[owner[tensor]] = (first, op.index)
    lives[keep] = (lives.get(keep, (0, 0))[0], ops[-1].index + 1 if ops else 0)
    return lives


def _allocate(sizes: dict[int, int], lives: dict[int, tuple[int, int]], preserve: bool) -> dict[int, int]:
    """Largest first, each at the lowest offset where nothing that lives at the same time lies."""
    offsets: dict[int, int] = {}
    for tensor in sorted(sizes, key=lambda t: (-sizes[t], t)):
        first, last = lives[tensor]
        offset = 0
        for other in sorted(offsets, key=lambda t: offsets[t]):
            apart = not preserve and (lives[other][1] < first or last < lives[other][0])
            if not apart and offset + sizes[tensor] > offsets[other]:
                offset = max(offset, -(-(offsets[other] + sizes[other]) // _ALIGN) * _ALIGN)
        offsets[tensor] = offset
    return offsets
