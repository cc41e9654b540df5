# SPDX-License-Identifier: Apache-2.0
"""What lasts from one inference to the next: tensors that are variables, and resource variables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mcuedit._util.errors import McueditError
from mcuedit.model.causes import AGAIN
from mcuedit.model.tflite import INT8, INT16, Model, Op, Tensor

_WIDTHS = {INT8: 1, INT16: 2}  # bytes of an element
VARIABLES = ("ASSIGN_VARIABLE", "CALL_ONCE", "READ_VARIABLE", "VAR_HANDLE")
SILENT = ("CALL_ONCE", "VAR_HANDLE")  # kinds that leave no code: what they say is known


@dataclass(frozen=True)
class State:
    """`size` bytes that start as `fill` each."""

    size: int
    fill: int


def reads(model: Model, op: Op) -> tuple[int, ...]:
    """Activations and states, by key, that an op reads: `Model.sources`, and the state of a READ_VARIABLE."""
    return (_keys(model)[op.inputs[0]],) if op.kind == "READ_VARIABLE" else model.sources(op)


def writes(model: Model, op: Op) -> tuple[int, ...]:
    """Activations and states, by key, that an op makes: its outputs, or the state of an ASSIGN_VARIABLE."""
    if op.kind == "ASSIGN_VARIABLE":
        return (_keys(model)[op.inputs[0]],)
    return () if op.kind in SILENT else op.outputs


def states(model: Model) -> dict[int, State]:
    """By key: the index of a tensor that is a variable, and -1, -2, ... for the resource variables.

    Raises:
        McueditError: a state has no size, several, or another type, or does not start as zeros.
    """
    found = {t.index: _state(t) for t in model.tensors if t.variable}
    for key in sorted(set(_keys(model).values()), reverse=True):
        found[key] = _resource(model, key)
    for handle, constant in _first_values(model):
        state = found[_keys(model)[handle]]
        if constant != bytes([state.fill & 0xFF]) * state.size:
            raise McueditError(
                "a resource variable starts with other values than 0, which TensorFlow Lite Micro forgets at a reset",
                "give the value from outside, as an input",
            )
    return found


def _state(tensor: Tensor) -> State:
    if tensor.dtype not in _WIDTHS:
        raise McueditError(f"state {tensor.name!r} is {tensor.dtype}", "states of int8 and int16 can be kept")
    return State(tensor.size * _WIDTHS[tensor.dtype], tensor.zero if tensor.dtype == INT8 else 0)


def _keys(model: Model) -> dict[int, int]:
    """Tensors that are handles -> the keys of their resource variables."""
    names: dict[Any, int] = {}
    found = {}
    for op in model.ops:
        if op.kind == "VAR_HANDLE" and op.outputs:
            name = (op.options.get("container") or b"", op.options.get("sharedName") or b"")
            found[op.outputs[0]] = names.setdefault(name, -1 - len(names))
    return found


def _resource(model: Model, key: int) -> State:
    handles = {t for t, k in _keys(model).items() if k == key}
    held = [
        (op, model.tensors[op.inputs[1] if op.kind == "ASSIGN_VARIABLE" else op.outputs[0]])
        for op in model.ops
        if op.kind in ("ASSIGN_VARIABLE", "READ_VARIABLE") and op.inputs[0] in handles
    ]
    first = next((t for op, t in held if op.kind == "ASSIGN_VARIABLE"), None)
    if first is None:
        raise McueditError(f"nothing assigns the resource variable of tensor {min(handles)}", "freeze it")
    for op, tensor in held:
        alike = tensor.dtype == first.dtype and tensor.size == first.size and tensor.scale.size == 1
        if not alike or (tensor.dtype == INT16 and tensor.zero != 0):
            raise McueditError(
                f"op {op.index} {op.kind}: {tensor.dtype}{list(tensor.shape)}, the variable holds "
                f"{first.dtype}{list(first.shape)}",
                AGAIN,
            )
    return _state(first)


def _first_values(model: Model) -> list[tuple[int, bytes | None]]:
    """What graphs of CALL_ONCE ops assign: a handle of this graph with the same name, and the constant, or None."""
    from ai_edge_litert import schema_py_generated as schema

    calls = [op for op in model.ops if op.kind == "CALL_ONCE"]
    if not calls:
        return []
    root = schema.ModelT.InitFromPackedBuf(model.data, 0)
    names = {op.options.get("sharedName"): op.outputs[0] for op in model.ops if op.kind == "VAR_HANDLE"}
    found: list[tuple[int, bytes | None]] = []
    for call in calls:
        graph = root.subgraphs[int(call.options["initSubgraphIndex"])]
        handles = {}
        for op in graph.operators:
            code = root.operatorCodes[op.opcodeIndex]
            kind = max(code.builtinCode, code.deprecatedBuiltinCode)
            if kind == schema.BuiltinOperator.VAR_HANDLE:
                handles[op.outputs[0]] = op.builtinOptions.sharedName
            elif kind == schema.BuiltinOperator.ASSIGN_VARIABLE and handles.get(op.inputs[0]) in names:
                data = root.buffers[graph.tensors[op.inputs[1]].buffer].data
                found.append((names[handles[op.inputs[0]]], None if data is None else bytes(data)))
            else:
                found.append((next(iter(names.values()), -1), None))
    return found
