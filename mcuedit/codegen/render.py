# SPDX-License-Identifier: Apache-2.0
"""Contexts for the templates, and their text."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from mcuedit import __version__
from mcuedit._util import resources, templates
from mcuedit.adapter import encoding
from mcuedit.adapter.delta import Adapter
from mcuedit.adapter.forward import logits_tensor
from mcuedit.codegen import literals
from mcuedit.codegen.adapter_text import adapter_text
from mcuedit.codegen.arena_plan import ArenaPlan, Place, plan_arena, projects
from mcuedit.codegen.names import activation_name, adapter_names, base_names, comment, distinct_names
from mcuedit.codegen.ops import lower
from mcuedit.codegen.rims import quantization
from mcuedit.codegen.routes import Routes
from mcuedit.model.adaptable import is_adaptable, op_geometry
from mcuedit.model.bundle import Base
from mcuedit.model.ops.kinds import Lowered
from mcuedit.model.ops.recurrent.state import reads, states, writes
from mcuedit.model.tflite import INT16, Model, Op
from mcuedit.model.windows import Window

FORMAT = 1  # MCUEDIT_FORMAT of the headers that generated code needs
_RUNTIME = ("include/mcuedit", "core", "kernels")  # of firmware/: what an emitted folder carries along
ROUTING = "route"  # and one that reads its adapters


def render_base(
    base: Base,
    *,
    preserve: bool = False,
    keep: Sequence[int] = (),
    exported: Sequence[int] = (),
    traced: bool = True,
) -> dict[str, str]:
    """Header and source of a base.

    Args:
        preserve: every activation keeps its own place in the arena (`plan_arena(..., preserve=True)` says where).
        keep: activations that an inference leaves in the arena (`plan_arena(..., keep=...)` says where).
        exported: ops whose parameters other files may name, as <base>_op<index>.
        traced: with trace points, which cost nothing without MCUEDIT_TRACE; what is emitted for people has none.

    Raises:
        McueditError: the bare runtime does not support the model.
    """
    context = _base_context(base, plan_arena(base.model, preserve=preserve, keep=keep)) | {"traced": traced}
    for index in exported:
        context["ops"][index] |= _exported(base, index)
    stem = context["names"].stem
    return {f"{stem}.h": render_text("base.h.j2", context), f"{stem}.c": render_text("base.c.j2", context)}


def render_ops(base: Base, exported: Sequence[int]) -> str:
    """Source of ops alone, as `render_base` exports them: for firmware that runs the base otherwise.

    Raises:
        McueditError: the engine does not support one.
    """
    ops = [
        _parameters(base.model, base.model.ops[i], lower(base.model, base.model.ops[i])) | _exported(base, i)
        for i in exported
    ]
    return render_text("ops.c.j2", {**banner(base), "names": base_names(base.name), "ops": ops})


def _exported(base: Base, index: int) -> dict[str, Any]:
    return {"exported": True, "symbol": f"{base_names(base.name).symbol}_op{index}"}


def render_adapter(adapter: Adapter, base: Base) -> dict[str, str]:
    """Header and source of an adapter's device bytes.

    Raises:
        McueditError: the adapter does not fit the base.
    """
    raw = encoding.encode(adapter, base.model)
    context = {
        **banner(base),
        "names": adapter_names(adapter),
        "base": base_names(base.name),
        "adapter": adapter,
        "title": comment(f"{adapter.name} {adapter.version}".strip()),
        "deltas": len(adapter.deltas),
        "size": len(raw),
        "bytes": adapter_text(raw, adapter),
        "sha256": hashlib.sha256(raw).hexdigest(),
    }
    stem = context["names"].stem
    return {f"{stem}.h": render_text("adapter.h.j2", context), f"{stem}.c": render_text("adapter.c.j2", context)}


def render_model_header(base: Base) -> dict[str, str]:
    """`model.h`: the names of a base under fixed ones, for the applications of firmware/apps."""
    context = {**banner(base), "names": base_names(base.name), "has_labels": base.labels is not None}
    context["resets"] = len(states(base.model)) > 0
    context["wide_logits"] = base.model.tensors[logits_tensor(base.model)].dtype == INT16
    return {"model.h": render_text("model.h.j2", context)}


def render_project(
    base: Base, adapters: Sequence[Adapter] | Routes = (), rendered: Mapping[str, str] | None = None
) -> dict[str, str]:
    """A folder that builds by itself: base, adapters, the runtime's sources, CMakeLists.txt and a README.

    Args:
        adapters: compiled in; or, as Routes, read from flash and switched by a table.
        rendered: files of the base in place of its plain ones, and others beside them.

    Raises:
        McueditError: the bare runtime does not support the model, an adapter does not fit it, or names collide.
    """
    files = dict(rendered) if rendered else render_base(base, traced=False)
    files |= render_adapters(adapters, base)
    made = plan_arena(base.model)
    context = {
        **banner(base),
        "names": base_names(base.name),
        **adapters_context(adapters, base),
        "sources": [path for path in files if path.endswith(".c")],
        "features": base.features,
        "has_labels": base.labels is not None,
        "resets": len(made.states) > 0,
        "arena_size": made.arena_size,
    }
    files |= {
        "CMakeLists.txt": render_text("CMakeLists.txt.j2", context),
        "README.md": render_text("README.md.j2", context),
    }
    files["mcuedit/CMakeLists.txt"] = (resources.path("firmware") / "CMakeLists.txt").read_text(encoding="utf-8")
    more = [part for part, wanted in (("train", rendered), (ROUTING, isinstance(adapters, Routes))) if wanted]
    return files | runtime((*_RUNTIME, *more))


def render_adapters(adapters: Sequence[Adapter] | Routes, base: Base) -> dict[str, str]:
    """Headers and sources of adapters, or of the table of those that are read.

    Raises:
        McueditError: one does not fit the base.
    """
    if isinstance(adapters, Routes):
        return adapters.render(banner(base), base.name)
    return {name: text for adapter in adapters for name, text in render_adapter(adapter, base).items()}


def adapters_context(adapters: Sequence[Adapter] | Routes, base: Base) -> dict[str, Any]:
    """What templates that use them need; `adapters` are those compiled in, `routes` is None if it is they.

    Raises:
        McueditError: names collide.
    """
    if isinstance(adapters, Routes):
        distinct_names(base.name, adapters.adapters)
        return {"adapters": [], "rank": adapters.rank, **adapters.context(base_names(base.name))}
    compiled = list(zip(distinct_names(base.name, adapters), adapters, strict=True))
    rank = max(sum(delta.rank for adapter in adapters for delta in adapter.deltas), 1)
    return {"adapters": compiled, "rank": rank, "routes": None}


def runtime(folders: Sequence[str]) -> dict[str, str]:
    """Hand-written sources and headers of folders of firmware/, below mcuedit/."""
    firmware = resources.path("firmware")
    files = {
        f"mcuedit/{folder}/{path.name}": path for folder in folders for path in (firmware / folder).glob("*.[ch]*")
    }
    return {name: files[name].read_text(encoding="utf-8") for name in sorted(files)}


def _base_context(base: Base, made: ArenaPlan) -> dict[str, Any]:
    model = base.model
    ops = [_op_context(made, op) for op in model.ops]
    constants = [constant for op in ops for constant in op["constants"]]
    return {
        **banner(base),
        "names": base_names(base.name),
        "base_bytes": literals.hexadecimal(bytes.fromhex(model.sha256)),
        "ops": ops,
        "constants": constants,
        "blobs_crc": f"0x{zlib.crc32(literals.little_endian(c['values'] for c in constants)):08x}",
        "constant_bytes": sum(constant["values"].nbytes for constant in constants),
        "input_size": model.input_size,
        "output_size": model.output_size,
        "output_elements": sum(model.tensors[t].size for t in model.outputs),
        "wide_ops": any(lowered.function.endswith("_s16") for lowered in made.lowered),
        **quantization(model),
        "input_offset": made.input_offset,
        "output_offset": made.output_offset,
        "arena_size": made.arena_size,
        "stack_scratch": made.stack_scratch,
        "pointers": _pointers(made),
        "resets": [(made.places[key].offset, state.fill, state.size) for key, state in made.states.items()],
        "logits": _logits(made),
        "wide_logits": model.tensors[made.logits].dtype == INT16,
        "features": base.features or 0,
        **label_context(base),
    }


def _pointers(made: ArenaPlan) -> dict[str, int]:
    """Offset in the arena of every activation and scratch that the code of an inference names, in their order there."""
    found: dict[str, int] = {}
    for op in made.model.ops:
        if made.called(op):
            for tensor in (*reads(made.model, op), *writes(made.model, op), *made.lowered[op.index].states):
                if made.places[tensor].where == "arena":
                    found[_pointer(made, tensor)] = made.places[tensor].offset
            if (offset := made.scratch.get(op.index)) is not None:
                found[f"scratch{op.index}"] = offset
    return dict(sorted(found.items(), key=lambda item: item[1]))


def _pointer(made: ArenaPlan, tensor: int) -> str:
    place, model = made.places[tensor], made.model
    if tensor in made.states:
        return f"state{list(made.states).index(tensor)}"
    if place.where != "arena":
        return f"{place.where} + {place.offset}" if place.offset else place.where
    maker = next(op for op in model.ops if tensor in op.outputs)
    title = model.tensors[tensor].name
    return activation_name(maker.index, title if len(maker.outputs) == 1 else f"{title}_{maker.outputs.index(tensor)}")


def _logits(made: ArenaPlan) -> Place:
    place = made.places[made.logits]
    return place if place.where == "arena" else made.places[made.model.output.index]


def _parameters(model: Model, op: Op, lowered: Lowered) -> dict[str, Any]:
    """What op.c.j2 needs: an op's parameters and constants."""
    symbols = {name: f"op{op.index}_{name}" for name in lowered.constants}
    named = {**symbols, "window": f"&op{op.index}_window"}
    return {
        "index": op.index,
        "symbol": f"op{op.index}",
        "exported": False,
        "kind": op.kind,
        "title": comment(model.tensors[op.outputs[0]].name) if op.outputs else "",
        "function": lowered.function,
        "params_type": lowered.params_type,
        "params": [(field, value.format_map(named)) for field, value in lowered.params],
        "constants": [
            {
                "symbol": symbols[name],
                "type": literals.C_TYPES[values.dtype.name],
                "values": values,
                "count": values.size,
                "attribute": "MCUEDIT_ALIGNED(4) " if values.itemsize == 1 and values.size >= 4 else "",
                "text": literals.array(values),
            }
            for name, values in lowered.constants.items()
        ],
        "window": [(field.name, getattr(lowered.window, field.name)) for field in fields(Window)]
        if lowered.window
        else None,
    }


def _op_context(made: ArenaPlan, op: Op) -> dict[str, Any]:
    model, lowered, called = made.model, made.lowered[op.index], made.called(op)
    symbols = {name: f"op{op.index}_{name}" for name in lowered.constants}
    pointers = _operands(made, op) if called else {}
    geometry = op_geometry(model, op.index) if is_adaptable(model, op) else None
    return _parameters(model, op, lowered) | {
        "geometry": geometry,
        "served": op.index in model.served,
        "projects": projects(model, op),
        "windowed": getattr(geometry, "window", None) is not None,
        "called": called,
        "arguments": [literals.argument(operand, symbols | pointers) for operand in lowered.operands] if called else [],
        "input": pointers.get("input", ""),
        "output": pointers.get("output", ""),
        "patch": pointers.get("scratch", "0"),
        "size": made.places[writes(model, op)[0]].size if called else 0,
    }


def _operands(made: ArenaPlan, op: Op) -> dict[str, str]:
    """C expressions of what an op's function may be called with."""
    sources, outputs, kept = (
        [_pointer(made, tensor) for tensor in some]
        for some in (reads(made.model, op), writes(made.model, op), made.lowered[op.index].states)
    )
    pointers = {f"input{i}": pointer for i, pointer in enumerate(sources)} | {"input": sources[0]}
    pointers |= {f"output{i}": pointer for i, pointer in enumerate(outputs)} | {"output": outputs[0]}
    pointers |= {f"state{i}": pointer for i, pointer in enumerate(kept)}
    if op.index in made.scratch:
        offset = made.scratch[op.index]
        pointers["scratch"] = "scratch" if offset is None else f"scratch{op.index}"
    return pointers


def label_context(base: Base) -> dict[str, Any]:
    """What templates need for a base's labels; all empty without."""
    raw = [label.encode() for label in base.labels or ()]
    ends = np.cumsum([len(label) + 1 for label in raw], dtype=np.int64)
    offsets = np.concatenate([np.zeros(1, np.int64), ends])[: len(raw)]
    small = not len(ends) or int(ends[-1]) <= 0xFFFF
    return {
        "label_count": len(raw),
        "labels": [literals.string(label) for label in raw],
        "label_offsets": literals.array(offsets.astype(np.uint16 if small else np.uint32)),
        "label_offset_type": "uint16_t" if small else "uint32_t",
    }


def banner(base: Base) -> dict[str, Any]:
    """What the first lines of every generated file say."""
    return {
        "version": __version__,
        "format": FORMAT,
        "base_title": comment(base.name),
        "base_sha256": base.model.sha256,
    }


def render_text(template: str, context: Mapping[str, Any]) -> str:
    """One of templates/."""
    return templates.render(template, context)
