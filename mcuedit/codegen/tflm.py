# SPDX-License-Identifier: Apache-2.0
"""A base for TensorFlow Lite Micro: its .tflite as an array, what the kernel wrapper must know, and a resolver."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit.adapter.delta import Adapter
from mcuedit.adapter.forward import logits_tensor
from mcuedit.codegen import literals
from mcuedit.codegen.names import base_names, comment
from mcuedit.codegen.render import (
    ROUTING,
    adapters_context,
    banner,
    label_context,
    render_adapters,
    render_text,
    runtime,
)
from mcuedit.codegen.rims import quantization
from mcuedit.codegen.routes import Routes
from mcuedit.codegen.tflm_arena import arena_size
from mcuedit.model.adaptable import is_adaptable, op_geometry, tap_tensor
from mcuedit.model.bundle import Base
from mcuedit.model.causes import QUANTIZE
from mcuedit.model.ops.kinds import KINDS
from mcuedit.model.tflite import INT16, Model, Op
from mcuedit.model.windows import Window

_RUNTIME = ("include/mcuedit", "core", "tflm")  # of firmware/: what an emitted folder carries along
_TRAINING = ("kernels", "train")  # and one that trains
_NONE = 0xFFFF  # no tensor
_FIXED = ("RESIZE_NEAREST_NEIGHBOR",)  # kinds whose function takes no other kernel

# Kinds that only TFLM runs and has kernels of for int8 alone.
_INT8 = ()

# The others that MicroMutableOpResolver can add, and names of its functions that are not the kind's own.
_OTHERS = (
    "ADD_N ARG_MAX ARG_MIN BROADCAST_ARGS BROADCAST_TO CAST CEIL COS CUMSUM DEQUANTIZE EMBEDDING_LOOKUP EQUAL EXP "
    "FILL FLOOR FLOOR_DIV FLOOR_MOD GATHER_ND GREATER GREATER_EQUAL IF L2_POOL_2D LESS LESS_EQUAL LOG LOGICAL_AND "
    "LOGICAL_NOT LOGICAL_OR LOG_SOFTMAX MIRROR_PAD NEG NOT_EQUAL REVERSE_V2 ROUND SELECT_V2 SHAPE SIN SQRT SQUARE "
    "WHILE ZEROS_LIKE"
).split()
ALL_KINDS = (*KINDS, *_INT8, *_OTHERS)
_NAMES = {"CUMSUM": "CumSum", "UNIDIRECTIONAL_SEQUENCE_LSTM": "UnidirectionalSequenceLSTM"}


def render_tflm_base(base: Base, *, watched: bool = False) -> dict[str, str]:
    """A base's model, header, op table and resolver.

    Args:
        watched: kernels serve a mcuedit_tflm_watch, for training.

    Raises:
        McueditError: TFLM has no such op, or an op that can carry a delta is malformed.
    """
    names, context = base_names(base.name), _context(base, watched)
    files = {f"{names.stem}.h": "base.h", f"{names.stem}.c": "base.c", f"{names.stem}_model.c": "model.c"}
    files |= {f"{names.stem}_resolver.h": "resolver.h"}
    return {path: render_text(f"tflm/{template}.j2", context) for path, template in files.items()}


def render_tflm_model_header(base: Base) -> dict[str, str]:
    """`model.h` and `resolver.h`: a base under fixed names, for firmware/apps/common/tflm.cc."""
    context = _context(base) | _kept(base.model)
    return {
        "model.h": render_text("tflm/app_model.h.j2", context),
        "resolver.h": f'#include "{base_names(base.name).stem}_resolver.h"\n',
    }


def render_tflm_project(
    base: Base, adapters: Sequence[Adapter] | Routes = (), trained: Mapping[str, str] | None = None
) -> dict[str, str]:
    """A folder for a firmware with TFLM: base, adapters, the wrapper and the delta core, an example main, a README.

    Args:
        adapters: compiled in; or, as Routes, read from flash and switched by a table.
        trained: of `render_tflm_trainable`, for a firmware that trains.

    Raises:
        McueditError: as `render_tflm_base`; or an adapter does not fit the base, or names collide.
    """
    files = render_tflm_base(base, watched=bool(trained)) | dict(trained or {}) | render_adapters(adapters, base)
    carried = (*_RUNTIME, *_TRAINING) if trained else _RUNTIME
    carried = (*carried, ROUTING) if isinstance(adapters, Routes) else carried
    own = runtime(carried)
    context = {
        **_context(base),
        "trained": [stem for stem in ("train", "factors") if f"{base_names(base.name).stem}_{stem}.h" in files],
        **adapters_context(adapters, base),
        "sources": [path for path in files if path.endswith(".c")],
        "core": [path for path in own if path.endswith(".c")],
    }
    for name in ("main.cc", "CMakeLists.txt", "README.md"):
        files[name] = render_text(f"tflm/{name}.j2", context)
    return files | own


def _context(base: Base, watched: bool = False) -> dict[str, Any]:
    model = base.model
    logits, ops = logits_tensor(model), [_op_context(model, op) for op in model.ops]
    return {
        **banner(base),
        "names": base_names(base.name),
        "base_bytes": literals.hexadecimal(bytes.fromhex(model.sha256)),
        "ops": ops,
        "kinds": [_kind_context(model, kind, watched) for kind in sorted({op.kind for op in model.ops})],
        "read": any(op["geometry"] and op["input"] != model.ops[op["index"]].inputs[0] for op in ops),
        "accelerator": model.is_compiled,
        "wrapped": sorted(
            {model.ops[i].kind for i in model.served if not model.ops[i].custom} - {"CONV_2D", "FULLY_CONNECTED"}
        ),
        "model_size": len(model.data),
        "model_crc": f"0x{zlib.crc32(model.data):08x}",
        "model_bytes": literals.array(np.frombuffer(model.data, np.uint8)),
        "input_size": model.input_size,
        **quantization(model),
        "output_size": model.output_size,
        "output_elements": sum(model.tensors[t].size for t in model.outputs),
        "logits": logits,
        "logits_size": model.tensors[logits].size,
        "logits_bytes": model.tensors[logits].nbytes,
        "wide_logits": model.tensors[logits].dtype == INT16,
        "arena_size": arena_size(model),
        "features": base.features or 0,
        **label_context(base),
    }


def _kept(model: Model) -> dict[str, Any]:
    """What an app must keep of an inference, because no output of the interpreter tells it."""
    logits = logits_tensor(model)
    kept: list[tuple[int, str]] = []
    offsets: dict[int, int] = {}
    for end in quantization(model)["outputs"]:
        offsets[end["tensor"]] = end["offset"]
        kept += [(end["tensor"], f"core_output + {end['offset']}")] if end["hidden"] else []
    kept += [(logits, "tflm_logits")] if logits not in offsets else []
    readers = {t: op.kind for op in reversed(model.ops) for t in op.inputs[:1]}
    listed = [{"tensor": t, "to": to, "size": model.tensors[t].nbytes, "kind": readers[t]} for t, to in kept]
    return {"kept": listed, "logits_offset": offsets.get(logits), "resets": model.stateful}


def _op_context(model: Model, op: Op) -> dict[str, Any]:
    geometry = op_geometry(model, op.index) if is_adaptable(model, op) else None
    window = geometry.window if geometry else None
    return {
        "index": op.index,
        "kind": op.kind,
        "title": comment(model.tensors[op.outputs[0]].name) if op.outputs else "",
        "geometry": geometry,
        "served": op.index in model.served or op.is_accelerator,
        "window": [(field.name, getattr(window, field.name)) for field in fields(Window)] if window else None,
        "output": op.outputs[0] if op.outputs else _NONE,
        "input": tap_tensor(model, op.index) if geometry else _NONE,
    }


def _kind_context(model: Model, kind: str, watched: bool) -> dict[str, str]:
    """How the resolver gets a kind of op: its Add* function, and the registration if it is not the default."""
    if kind == "CUSTOM" and all(op.is_accelerator for op in model.ops if op.kind == kind):
        return {"function": "AddCustom", "argument": "GetString_ETHOSU(), &ethos_u"}
    if kind not in ALL_KINDS:
        index = next(op.index for op in model.ops if op.kind == kind)
        raise McueditError(
            f"op {index} {kind} is not in TensorFlow Lite Micro", f"build the network without it, then {QUANTIZE}"
        )
    words = (word if word == "2D" else word.capitalize() for word in kind.split("_"))
    name = KINDS[kind].resolver if kind in KINDS else _NAMES.get(kind)
    function = f"Add{name or ''.join(words)}"
    has_int8 = KINDS[kind].int8 if kind in KINDS else kind in _INT8
    register = f"Register_{kind}{'_INT8' if has_int8 and _is_int8(model, kind) else ''}"
    if any(op.kind == kind and is_adaptable(model, op) for op in model.ops):
        if kind in _FIXED:
            index = next(op.index for op in model.ops if op.kind == kind)
            what = f"op {index} {kind}: TensorFlow Lite Micro's resolver takes no wrapped kernel for it"
            raise McueditError(what, "let deltas act at the op before it or behind it")
        served = any(op.kind == kind and op.index in model.served for op in model.ops)
        wrapper = f"Wrap{'Served' if served else 'Windows' * (kind == 'CONV_2D')}{'Watched' * watched}"
        return {"function": function, "argument": f"mcuedit::{wrapper}<{register}>()"}
    return {"function": function, "argument": f"{register}()" if register.endswith("_INT8") else ""}


def _is_int8(model: Model, kind: str) -> bool:
    tensors = [t for op in model.ops if op.kind == kind for side in model.op_tensors(op) for t in side if t is not None]
    return {tensor.dtype for tensor in tensors} <= {"INT8", "INT32"}
