# SPDX-License-Identifier: Apache-2.0
"""The pairs of tap and target that fit: those asked for, or all."""

from __future__ import annotations

from mcuedit._util import bounded
from mcuedit._util.errors import McueditError
from mcuedit.adapter.forward import logits_tensor
from mcuedit.model.adaptable import OUTPUT, OpGeometry, is_adaptable, op_geometry, tap_name, tap_op
from mcuedit.model.causes import QUANTIZE
from mcuedit.model.ops.int16.kinds import wide
from mcuedit.model.tflite import Model
from mcuedit.training.options import AUTO
from mcuedit.training.placement import places

_OUTPUT = ":output"
_NARROW = f"convert it with int8 activations (TFLITE_BUILTINS_INT8), at least around an op with weights; or: {QUANTIZE}"


def find_op(model: Model, text: str) -> int:
    """Op by index, or by the name of its output tensor.

    Raises:
        McueditError: there is no such op, the name fits several, or the op cannot carry a delta.
    """
    if (number := bounded.whole(text)) is not None:
        index = number
    else:
        exact = [op.index for op in model.ops if model.tensors[op.outputs[0]].name == text]
        found = exact or [op.index for op in model.ops if text in model.tensors[op.outputs[0]].name]
        if len(found) != 1:
            what = "no tensor is called" if not found else f"{len(found)} tensors have names with"
            raise McueditError(f"{what} {text!r}", "'mcuedit inspect BASE' lists op indices and tensor names")
        index = found[0]
    op_geometry(model, index)
    return index


def find_tap(model: Model, text: str) -> int:
    """Tap as `find_op` names an op; with `:output` behind it, what that op gives.

    Raises:
        McueditError: as `find_op`.
    """
    name, output, rest = text.partition(_OUTPUT)
    return find_op(model, name) | OUTPUT if output and not rest else find_op(model, text)


def logits_op(model: Model) -> int | None:
    """The op that makes the logits and can carry a delta; None if no such op does."""
    logits = logits_tensor(model)
    for op in reversed(model.ops):
        if logits in op.outputs:
            if op.kind != "RESHAPE":
                return op.index if places.no_tap(model, op.index) is None else None
            logits = op.inputs[0]
    return None


def pairs(model: Model, tap: str, target: str) -> list[tuple[int, int]]:
    """Pairs to try: the ones asked for, or all that fit.

    Raises:
        McueditError: none fits; the message says why.
    """
    targets = [find_op(model, target)] if target != AUTO else _default_targets(model)
    for index in targets:
        if why_not := places.no_target(model, index):
            raise why_not
    found = []
    for o in targets:
        taps = [find_tap(model, tap)] if tap != AUTO else _with_own(model, [t for t in places.taps(model) if t <= o], o)
        found += [(t, o) for t in taps if not _mismatch(model, t, o)]
        if tap != AUTO and (why := _mismatch(model, taps[0], o)):
            raise McueditError(f"tap {tap_name(taps[0])}, target {o}: {why}", "choose others, or leave them to auto")
    if not found:
        raise _nothing(model)
    return found


def every_pair(model: Model, end: int, tap: str, target: str) -> list[tuple[int, int]]:
    """Pairs to try for tensors: every op by itself, and taps before a target where both have one position.

    Args:
        end: the tensor that the edits are about; a target must lead to it through ops that are simulated.

    Raises:
        McueditError: none fits; the message says why.
    """
    able = places.taps(model)
    taps = able if tap == AUTO else [find_tap(model, tap)]
    targets = able if target == AUTO else [find_op(model, target)]
    found, why = [], _nothing(model)
    last = max((o for o in targets if op_geometry(model, o).single), default=None)
    for o in targets:
        if error := places.no_target(model, o, end):
            why = error
            continue
        near = [t for t in taps if t == o or tap != AUTO or target != AUTO or o == last]
        near = _with_own(model, near, o) if tap == AUTO else near
        fits = [(t, o) for t in near if not _mismatch(model, t, o)]
        if near and not fits:
            what = f"tap {tap_name(near[0])}, target {o}"
            why = McueditError(f"{what}: {_mismatch(model, near[0], o)}", "leave them to auto")
        found += fits
    if not found:
        raise why
    return found


def _nothing(model: Model) -> McueditError:
    if any(wide(model, op) for op in model.ops):
        return McueditError("no op of this model can carry a delta: tap and target must be int8, not int16", _NARROW)
    hint = "FULLY_CONNECTED and ungrouped CONV_2D ops can; others by name: --tap, --target"
    return McueditError("no op of this model can carry a delta", hint)


def _with_own(model: Model, taps: list[int], target: int) -> list[int]:
    return list(dict.fromkeys([*taps, *places.taps_of(model, target)]))


def _default_targets(model: Model) -> list[int]:
    last = logits_op(model)
    if last is not None and is_adaptable(model, model.ops[last]):
        return [last]
    able = places.taps(model)
    return able[-1:]


def _mismatch(model: Model, tap: int, target: int) -> str:
    if tap_op(tap) > target:
        return "the tap comes after the target"
    if tap & OUTPUT:
        if tap_op(tap) != target:
            return "a tap that is an op's output needs that op as its target"
        windowed = op_geometry(model, target).window is not None
        return "the output of an op with windows is no tap: choose an op that reads it" if windowed else ""
    a: OpGeometry = op_geometry(model, tap)
    b: OpGeometry = op_geometry(model, target)
    return "" if tap == target or (a.single and b.single) else "a tap before its target needs one position in both ops"
