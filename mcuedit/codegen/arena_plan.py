# SPDX-License-Identifier: Apache-2.0
"""Where activations lie and what an inference calls, in order."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from mcuedit._util.errors import McueditError
from mcuedit.adapter.forward import logits_tensor
from mcuedit.codegen.allocation import Block, allocate, hole
from mcuedit.codegen.ops import lower
from mcuedit.model.adaptable import is_adaptable, op_geometry
from mcuedit.model.causes import AGAIN
from mcuedit.model.ops.kinds import Lowered
from mcuedit.model.ops.recurrent.state import SILENT, State, reads, states, writes
from mcuedit.model.tflite import INT16, Model, Op


@dataclass(frozen=True)
class Place:
    """Bytes of an activation: `offset` counts within `where`, of which input and output are the caller's."""

    where: Literal["input", "output", "arena"]
    offset: int
    size: int


@dataclass(frozen=True)
class Stage:
    """What happens between two trace points: "latch" or "invoke" (op is None), or "project", "op" or "add" of an op."""

    kind: Literal["latch", "project", "op", "add", "invoke"]
    op: int | None = None


@dataclass(frozen=True)
class ArenaPlan:
    """An inference.

    Attributes:
        lowered: one per op of the model.
        places: of every activation, by tensor index, and of what lasts, by its key.
        states: what lasts, by its key.
        arena_size: bytes, input and output among them.
        input_offset, output_offset: where in the arena the caller may put input and output; several inputs lie there
            one after the other, and so do several outputs.
        scratch: offset in the arena of an op's scratch, by op index; None: it lies on the stack.
        logits: the tensor whose largest element is a classifier's answer: what a last SOFTMAX reads, else the output.
    """

    model: Model
    lowered: tuple[Lowered, ...]
    places: dict[int, Place]
    arena_size: int
    input_offset: int
    output_offset: int
    scratch: dict[int, int | None]
    logits: int
    states: dict[int, State]

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Trace point k + 1 of a build with them ends stage k."""
        stages = [Stage("latch")]
        for op in self.model.ops:
            stages += [Stage("project", op.index)] * projects(self.model, op)
            stages += [Stage("op", op.index)] * self.called(op)
            stages += [Stage("add", op.index)] * is_adaptable(self.model, op)
        return tuple(stages)

    @property
    def stack_scratch(self) -> int:
        """Bytes of stack that serve as scratch of some op."""
        return max((self.lowered[op].scratch for op, offset in self.scratch.items() if offset is None), default=0)

    def called(self, op: Op) -> bool:
        """Whether the op leaves any code: it computes, or its bytes must move."""
        if not self.model.is_core(op) or op.kind in SILENT:
            return False
        if self.lowered[op.index].function:
            return True
        return self.places[reads(self.model, op)[0]] != self.places[writes(self.model, op)[0]]


def projects(model: Model, op: Op) -> bool:
    """Whether the op can be the tap of a later target."""
    return is_adaptable(model, op) and op_geometry(model, op.index).single


def plan_arena(model: Model, *, preserve: bool = False, keep: Sequence[int] = ()) -> ArenaPlan:
    """Plans the inference of a model.

    Args:
        preserve: no activation is overwritten by another one.
        keep: activations that are not, as the logits never are.

    Raises:
        McueditError: an op, or the graph's form, is not in the bare runtime.
    """
    lowered = tuple(lower(model, op) for op in model.ops)
    ops = [op for op in model.ops if model.is_core(op) and op.kind not in SILENT]
    kept = states(model)
    _check_graph(model, ops, kept)
    logits = logits_tensor(model)
    copied = {op.index for op in ops if op.kind == "READ_VARIABLE" and (preserve or _outlives(model, ops, lowered, op))}
    owner = _owners(model, ops, lowered, kept, copied)
    last = _last_uses(model, ops, owner)
    last |= {owner[t]: len(model.ops) for t in (logits, *model.outputs, *keep, *kept)}
    # Blocks of several activations live longer and are sometimes harder to pack than each of them on its own.
    arenas = []
    for in_place in (False,) if preserve else (True, False):
        block = _blocks(model, ops, lowered, owner, last, in_place)
        blocks = _measured(model, ops, owner, {t: name for t, name in block.items() if t not in kept}, last)
        blocks |= {key: Block(state.size, -1, len(model.ops)) for key, state in kept.items()}
        offsets = allocate(blocks, preserve)
        arenas.append((max(offsets[i] + b.size for i, b in blocks.items()), block, blocks, offsets))
    arena_size, block, blocks, offsets = min(arenas, key=lambda arena: arena[0])
    ends = _ends(model, owner)
    places = {t: Place("arena", offsets[t], state.size) for t, state in kept.items()}
    places |= {
        t: ends.get(owner[t], Place("arena", offsets[block[owner[t]]], model.tensors[t].nbytes))
        for t in owner
        if t not in kept
    }
    scratch = {
        op.index: hole(blocks, offsets, op.index, lowered[op.index].scratch, arena_size, preserve)
        for op in ops
        if lowered[op.index].scratch
    }
    input_offset, output_offset = (offsets[block[owner[t]]] for t in (model.inputs[0], model.outputs[0]))
    return ArenaPlan(model, lowered, places, arena_size, input_offset, output_offset, scratch, logits, kept)


def _check_graph(model: Model, ops: Sequence[Op], kept: Iterable[int]) -> None:
    known = {*model.inputs, *kept}
    for op in ops:
        for tensor in reads(model, op):
            if tensor not in known:
                raise McueditError(
                    f"op {op.index} {op.kind} reads tensor {tensor} before an op wrote it",
                    f"ops must stand in execution order; {AGAIN}",
                )
        known.update(op.outputs)
    if not known.issuperset(model.outputs):
        raise McueditError("no op writes the model's output", AGAIN)
    for ends in (model.inputs, model.outputs):
        starts = accumulate((model.tensors[t].nbytes for t in ends), initial=0)
        if any(start % 2 and model.tensors[t].dtype == INT16 for t, start in zip(ends, starts, strict=False)):
            raise McueditError("an end of 16 bits lies behind an odd number of bytes", "order the ends otherwise")
    if len({*model.inputs, *model.outputs}) < len(model.inputs) + len(model.outputs):
        raise McueditError("one tensor is two of the model's inputs and outputs", AGAIN)


def _owners(
    model: Model, ops: Sequence[Op], lowered: Sequence[Lowered], kept: Iterable[int], copied: Container[int]
) -> dict[int, int]:
    """Activations and states -> the first of them with the same bytes.

    Args:
        copied: ops of READ_VARIABLE whose output is not the state itself.
    """
    owner = {t: t for t in (*model.inputs, *kept)}
    ends = {*model.inputs, *kept}  # what lies at the caller's, or lasts
    for op in ops:
        x = owner[reads(model, op)[0]]
        for y in op.outputs:
            must_move = (y in model.outputs and x in ends) or op.index in copied or is_adaptable(model, op)
            owner[y] = y if lowered[op.index].function or must_move else x
            if y in model.outputs:
                ends.add(owner[y])
    return owner


def _outlives(model: Model, ops: Sequence[Op], lowered: Sequence[Lowered], read: Op) -> bool:
    """Whether what a READ_VARIABLE read is used after the variable was assigned anew."""
    alike, assigned = set(read.outputs), False
    for op in ops[ops.index(read) + 1 :]:
        used = not alike.isdisjoint(reads(model, op))
        if used and assigned:
            return True
        if used and not lowered[op.index].function:
            alike.update(op.outputs)
        assigned = assigned or writes(model, op) == reads(model, read)
    return False


def _last_uses(model: Model, ops: Sequence[Op], owner: dict[int, int]) -> dict[int, int]:
    """The last op that touches each owner."""
    return {owner[t]: op.index for op in ops for t in (*reads(model, op), *writes(model, op))}


def _blocks(
    model: Model,
    ops: Sequence[Op],
    lowered: Sequence[Lowered],
    owner: dict[int, int],
    last: dict[int, int],
    in_place: bool,
) -> dict[int, int]:
    """Owners -> the first of those that lie in the same memory, one after the other in time.

    Several inputs, or outputs, are one block.
    """
    block = {t: t for t, own in owner.items() if t == own} | dict.fromkeys(model.inputs, model.inputs[0])
    outputs = [owner[t] for t in model.outputs]
    together = {t for side in (model.inputs, outputs) if len(side) > 1 for t in side}
    for op in ops:
        block |= {y: outputs[0] if y in outputs and y in together else y for y in op.outputs if owner[y] == y}
        if not op.outputs or owner[op.outputs[0]] != op.outputs[0]:
            continue
        y = op.outputs[0]
        free = in_place and y not in together and not is_adaptable(model, op)  # a delta reads both
        for position in lowered[op.index].in_place if free else ():
            x = owner[model.sources(op)[position]]
            ends = x not in together and last[x] == op.index
            if ends and model.tensors[x].nbytes == model.tensors[y].nbytes:
                block[y] = block[x]
                break
    return block


def _measured(
    model: Model, ops: Sequence[Op], owner: dict[int, int], block: dict[int, int], last: dict[int, int]
) -> dict[int, Block]:
    first = {y: op.index for op in ops for y in op.outputs} | dict.fromkeys(model.inputs, -1)
    sizes = {block[model.inputs[0]]: model.input_size}
    if len(model.outputs) > 1:
        sizes[block[owner[model.outputs[0]]]] = model.output_size
    found: dict[int, Block] = {}
    for tensor, name in block.items():
        size = sizes.get(name, model.tensors[tensor].nbytes)
        before = found.get(name, Block(size, first[tensor], -1))
        found[name] = Block(size, before.first, max(before.last, last.get(tensor, -1)))
    return found


def _ends(model: Model, owner: dict[int, int]) -> dict[int, Place]:
    """Owners that lie at the caller's -> where."""
    found: dict[int, Place] = {}
    sides: tuple[tuple[Literal["input", "output"], tuple[int, ...]], ...]
    sides = ("output", model.outputs), ("input", model.inputs)
    for where, tensors in sides:
        start = 0
        for t in tensors:
            found[owner[t]] = Place(where, start, model.tensors[t].nbytes)
            start += model.tensors[t].nbytes
    return found
