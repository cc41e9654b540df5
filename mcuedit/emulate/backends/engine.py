# SPDX-License-Identifier: Apache-2.0
"""The bare runtime on this machine, for any model: compiled once, with nothing generated.

The functions that generated C would call are called in the same order, with the same parameters, on the same arena.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mcuedit import codegen
from mcuedit._util import resources, system
from mcuedit._util.typing import Int8Array
from mcuedit.build.driver import build_engine
from mcuedit.codegen.literals import C_TYPES
from mcuedit.emulate.devices.device import sequences
from mcuedit.model.bundle import Base
from mcuedit.model.ops.kinds import Lowered
from mcuedit.model.ops.recurrent.state import reads, writes
from mcuedit.model.rims import CORE
from mcuedit.model.tflite import Model, Op

_HEADERS = ("mcuedit.h", "kernels.h", "kernels16.h")


class Engine:
    """A model on the host's engine, without adapters.

    An `Oracle` where tflite-micro cannot be installed, or takes other ratios of scales than the model.

    Raises:
        McueditError: no compiler for this machine, or the bare runtime does not support the model.
    """

    name = "host engine"

    def __init__(self, model: Model) -> None:
        if model.float_scales:
            self.name = "host engine, scales in float"
        self._model, self._base = model, Base("model", model)
        self._plain = _Program(codegen.plan_arena(model))

    def run(self, inputs: Int8Array) -> Int8Array:
        """Outputs, in the arena as it is planned for a device.

        Args:
            inputs: int8[n, *input]; of a model with state also int8[n, steps, *input]: outputs are those of the last.

        Returns:
            int8[n, output size]

        Raises:
            McueditError: inputs of another type or size.
        """
        return np.concatenate(self._plain.run(sequences(self._base, inputs), self._model.outputs), axis=1)

    def activations(self, x: Int8Array, tensors: Sequence[int]) -> dict[int, Int8Array]:
        """See Oracle; no activation is overwritten by another one."""
        found = self._preserving.run(sequences(self._base, x), tensors)
        kinds = (self._model.tensors[t] for t in tensors)
        return {
            t: flat.view(CORE[k.dtype]).reshape(len(x), *k.shape)
            for t, flat, k in zip(tensors, found, kinds, strict=True)
        }

    @cached_property
    def _preserving(self) -> _Program:
        return _Program(codegen.plan_arena(self._model, preserve=True))


class _Program:
    """The calls of one plan, with all that they point to."""

    def __init__(self, plan: codegen.ArenaPlan) -> None:
        self._plan = plan
        self._ffi, self._library = _load()
        self._arena = np.zeros(plan.arena_size, np.int8)
        self._scratch = np.zeros(plan.stack_scratch, np.int8)
        self._kept: list[Any] = []
        called = [op for op in plan.model.ops if plan.called(op)]
        self._calls: list[tuple[Callable[..., None], list[Any]]] = [self._call(op) for op in called]

    def run(self, inputs: Int8Array, tensors: Sequence[int]) -> list[Int8Array]:
        """int8[n, steps, *input] -> int8[n, bytes] of each tensor, after the last step; each row starts anew."""
        places = [self._arena[self._bytes(t)] for t in tensors]
        found = [np.empty((len(inputs), place.size), np.int8) for place in places]
        start = self._plan.input_offset
        given = self._arena[start : start + self._plan.model.input_size]
        for i, row in enumerate(inputs):
            for key, state in self._plan.states.items():
                self._arena[self._bytes(key)] = state.fill
            for step in row.reshape(-1, given.size):
                given[:] = step
                for function, arguments in self._calls:
                    function(*arguments)
            for values, place in zip(found, places, strict=True):
                values[i] = place
        return found

    def _bytes(self, tensor: int) -> slice:
        place = self._plan.places[tensor]
        start = {"input": self._plan.input_offset, "output": self._plan.output_offset}.get(place.where, 0)
        return slice(start + place.offset, start + place.offset + place.size)

    def _call(self, op: Op) -> tuple[Callable[..., None], list[Any]]:
        model, lowered = self._plan.model, self._plan.lowered[op.index]
        sources, outputs, kept = (
            [self._pointer(self._arena, self._bytes(t).start) for t in some]
            for some in (reads(model, op), writes(model, op), lowered.states)
        )
        if not lowered.function:
            return self._ffi.memmove, [outputs[0], sources[0], self._plan.places[writes(model, op)[0]].size]
        named = {name: self._pointer(values) for name, values in lowered.constants.items()}
        if lowered.window:
            named["window"] = self._new("mcuedit_window *", asdict(lowered.window))
        params = self._params(lowered, named)
        named |= {f"input{i}": source for i, source in enumerate(sources)} | {"input": sources[0]}
        named |= {f"output{i}": output for i, output in enumerate(outputs)} | {"output": outputs[0]}
        named |= {f"state{i}": state for i, state in enumerate(kept)}
        if op.index in self._plan.scratch:
            offset = self._plan.scratch[op.index]
            named["scratch"] = self._pointer(self._scratch if offset is None else self._arena, offset or 0)
        arguments = [
            named[operand] if isinstance(operand, str) else self._new("int8_t *[]", [named[name] for name in operand])
            for operand in lowered.operands
        ]
        return getattr(self._library, lowered.function), [params, *arguments]

    def _params(self, lowered: Lowered, named: dict[str, Any]) -> Any:
        params = self._new(f"{lowered.params_type} *")  # all 0
        for field, value in lowered.params:
            *path, last = field.split(".")
            target = params
            for part in path:
                target = getattr(target, part)
            if value != "0":
                setattr(target, last, named[value[1:-1]] if value.startswith("{") else int(value))
        return params

    def _new(self, kind: str, *init: Any) -> Any:
        self._kept.append(self._ffi.new(kind, *init))
        return self._kept[-1]

    def _pointer(self, values: np.ndarray[Any, Any], offset: int = 0) -> Any:
        values = np.ascontiguousarray(values)
        self._kept.append(self._ffi.from_buffer(f"{C_TYPES[values.dtype.name]}[]", values))
        return self._kept[-1] + offset


@cache
def _load() -> tuple[Any, Any]:
    """cffi's view of the engine, and the engine."""
    import cffi

    ffi = cffi.FFI()
    for name in _HEADERS:
        ffi.cdef(_declarations((resources.path("firmware") / "include" / "mcuedit" / name).read_text("utf-8")))
    with system.folder(runs=True) as folder:
        library = build_engine(Path(folder))
        with system.loading(library):
            return ffi, ffi.dlopen(str(library))  # a loaded library needs its file no more


def _declarations(header: str) -> str:
    """A header without what cffi does not read: directives, but for names of numbers, and what is for C++."""
    plain = re.sub(r"#ifdef __cplusplus.*?#endif", "", header, flags=re.DOTALL)
    lines = plain.splitlines()
    return "\n".join(line for line in lines if not line.startswith("#") or re.match(r"#define \w+ +\d+\b", line))
