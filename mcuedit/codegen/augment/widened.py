# SPDX-License-Identifier: Apache-2.0
"""Deltas as more inputs of their target: the form `widened`, whose arithmetic is docs/spec/widened.md."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import Int8Array, IntArray
from mcuedit.adapter.delta import D_MAX, Delta
from mcuedit.codegen.augment.graft import Graft, Sort
from mcuedit.codegen.augment.groups import H_MAX
from mcuedit.model.adaptable import OUTPUT, OpGeometry, is_weighted, op_geometry, tap_tensor
from mcuedit.model.fixedpoint import mbqm, quantize_multiplier
from mcuedit.model.tflite import Model, Op
from mcuedit.model.windows import window

_RELU = 1
_LANES = 4  # products that a core with SIMD takes at a time; a rest is done one by one
_HALF = 128  # steps of the output that an open gate takes it at least
_MOST_COPIES = 8
_INT31 = 1 << 31
_OTHER = "use --augment chained"


@dataclass(frozen=True)
class Widening:
    """A delta as a target of one scale and zero point can take it.

    Attributes:
        gain: real factor from a to h. m, s: the multiplier and shift that the kernel makes of it.
        most: of h. v: int8[copies, n_out, r], weights of h, which is read `copies` times.
    """

    delta: Delta
    gain: float
    m: int
    s: int
    most: int
    v: Int8Array

    def project(self, x: Int8Array) -> IntArray:
        """h of rows of the tap: int8[..., n_in] to int64[..., r]."""
        return np.clip(mbqm(self.delta.pre_gate(x), self.m, self.s), 0, self.most)

    def amount(self, x: Int8Array) -> IntArray:
        """What is added to the target's sums: int64[..., n_out]."""
        return np.asarray(self.project(x) @ self.v.astype(np.int64).sum(axis=0).T)


def widening(model: Model, delta: Delta) -> Widening:
    """A delta in that form.

    Raises:
        McueditError: it cannot be expressed so.
    """
    op, geometry = model.ops[delta.target], op_geometry(model, delta.target)
    if why := _why_not(model, delta, op, geometry):
        raise McueditError(f"delta {delta.tap} -> {delta.target}: not in the form widened: {why}", _OTHER)
    x, weights, y = (model.tensors[t] for t in (*op.inputs[:2], op.outputs[0]))
    most = 127 - x.zero
    b = np.zeros((geometry.n_out, delta.rank))
    b[slice(None) if delta.rows is None else delta.rows] = delta.b
    inward, outward = delta.m[0] * 2.0 ** (delta.s[0] - 31), delta.M * 2.0 ** (delta.S - 31)
    slope = b * outward * inward  # of the output for each step of a
    peak = float(np.abs(slope).max())
    end = min(H_MAX / inward, D_MAX / peak) if peak else H_MAX / inward  # a at which the strongest row is done
    reach = int(np.abs(delta.a.astype(np.int64)).sum(axis=1).max()) * 255 + int(np.abs(delta.c).max())
    gain = min(most / end, _INT31 / 2 / max(reach, 1))
    source = float(model.tensors[tap_tensor(model, delta.tap)].scale[0])
    scale = float(np.float32(gain * float(x.scale[0]) / source))
    m, s = quantize_multiplier(source * scale / float(x.scale[0]))
    per_step = float(x.scale[0]) * weights.scale.astype(np.float64) / float(y.scale[0])
    wanted = slope * end / (np.broadcast_to(per_step, geometry.n_out)[:, None] * most)
    real = np.broadcast_to(per_step, geometry.n_out)[(wanted != 0).any(axis=1)]  # of rows that are changed
    least = min(_HALF, peak * end) / (H_MAX * most * float(real.min(initial=np.inf)))
    copies = max(1, math.ceil(least))
    if copies > _MOST_COPIES:
        raise McueditError(
            f"delta {delta.tap} -> {delta.target}: not in the form widened: the weights of op {op.index} are so small "
            f"that it takes {copies} inputs for each factor",
            _OTHER,
        )
    whole = np.clip(np.round(wanted), -copies * H_MAX, copies * H_MAX).astype(np.int64)
    v = np.stack([(whole + k) // copies for k in range(copies)])  # as even as whole numbers are
    return Widening(delta, scale, m, s, most, v.astype(np.int8))


def _why_not(model: Model, delta: Delta, op: Op, geometry: OpGeometry) -> str:
    lowers = geometry.n_out == 1 and bool((delta.b <= 0).all())
    if not delta.gated:
        return "it has no gate, so that no output would stay as it is"
    if delta.conditional and not lowers:
        return "it is conditional, which asks for the output before it is made"
    if delta.tap & OUTPUT:
        return "it reads the output of its target"
    if not is_weighted(model, op):
        return f"op {op.index} {op.kind} has no weights"
    if len({*zip(delta.m.tolist(), delta.s.tolist(), strict=True)}) != 1 or not delta.m[0] or not delta.M:
        return "its factors have several multipliers"
    if model.tensors[op.inputs[0]].zero == H_MAX:
        return f"the input of op {op.index} has the zero point 127, above which nothing is"
    if geometry.window is not None and _center(model, op) is None:
        return f"the windows of op {op.index} do not lie around one input pixel for each output pixel"
    return ""


def _center(model: Model, op: Op) -> tuple[int, int] | None:
    """Where in the filter of a convolution the pixel stands that is at the output's place."""
    lies = window(model, op)
    if (lies.in_h, lies.in_w, lies.stride_h, lies.stride_w) != (lies.out_h, lies.out_w, 1, 1):
        return None
    if lies.pad_top % lies.dilation_h or lies.pad_left % lies.dilation_w:
        return None
    return lies.pad_top // lies.dilation_h, lies.pad_left // lies.dilation_w


def widened(graft: Graft, deltas: Sequence[Delta]) -> None:
    """Adds all deltas.

    Raises:
        McueditError: one of them cannot be expressed so.
    """
    made = [widening(graft.model, delta) for delta in deltas]
    for target in sorted({delta.target for delta in deltas}):
        _widen(graft, target, [one for one in made if one.delta.target == target])


def _widen(graft: Graft, target: int, made: Sequence[Widening]) -> None:
    model = graft.model
    op, before = model.ops[target], target - 1
    x, filters = model.tensors[op.inputs[0]], model.tensors[op.inputs[1]]
    assert filters.data is not None
    n_in = filters.shape[-1]
    lead = x.shape[:-1] if x.shape[-1] == n_in else (x.size // n_in,)
    sort, parts = graft.sort(x.index), [x.index]
    if lead != x.shape[:-1]:
        parts = [graft.tensor(f"mcuedit/{target}/x", (*lead, n_in), sort)]
        shape = graft.constant(f"mcuedit/{target}/shape", np.array((*lead, n_in), np.int32))
        graft.op(before, "RESHAPE", [x.index, shape], parts[0], newShape=[*lead, n_in])
    weights = [np.asarray(filters.data, np.int8)]
    alike = list(dict.fromkeys((one.delta.tap, one.gain, len(one.v)) for one in made))
    missing = -sum(len(one.v) * one.delta.rank for one in made) % _LANES
    for key in alike:
        some = [one for one in made if (one.delta.tap, one.gain, len(one.v)) == key]
        spare = missing if n_in % _LANES == 0 and key == alike[-1] and key[2] == 1 else 0
        h = _project(graft, some, (op, lead, sort), spare)
        for k in range(key[2]):
            parts.append(h)
            v = np.pad(np.concatenate([one.v[k] for one in some], axis=1), ((0, 0), (0, spare)))
            weights.append(_at_center(model, op, v, filters.shape))
    width = n_in + sum(w.shape[-1] for w in weights[1:])
    whole = graft.tensor(f"mcuedit/{target}/xh", (*lead, width), sort)
    graft.op(before, "CONCATENATION", parts, whole, axis=len(lead))
    wide = graft.constant(f"mcuedit/{target}/WV", np.concatenate(weights, axis=-1), graft.sort(filters.index))
    graft.rewire(target, [whole, wide, *op.inputs[2:]])


def _at_center(model: Model, op: Op, v: Int8Array, shape: tuple[int, ...]) -> Int8Array:
    if len(shape) == 2:
        return v
    made = np.zeros((*shape[:-1], v.shape[1]), np.int8)
    row, column = _center(model, op) or (0, 0)
    made[:, row, column] = v
    return made


def _project(graft: Graft, some: Sequence[Widening], target: tuple[Op, Sequence[int], Sort], spare: int) -> int:
    """h of deltas with one tap and one gain, above the zero point of what the target reads.

    Args:
        target: it, and axes but the last and quantization of what it reads. spare: elements more that are always 0.
    """
    model, tap = graft.model, some[0].delta.tap
    op, lead, sort = target
    at, source = model.ops[tap], model.tensors[tap_tensor(model, tap)]
    a = np.concatenate([one.delta.a for one in some])
    bias = np.concatenate([d.c + d.zx * d.a.sum(axis=1, dtype=np.int64) for d in (one.delta for one in some)])
    a, bias = np.pad(a, ((0, spare), (0, 0))), np.pad(bias, (0, spare))
    scale = float(np.float32(np.float32(source.scale[0]) * np.float32(some[0].gain)))
    c = graft.constant(f"mcuedit/{op.index}/c", bias.astype(np.int32), Sort("INT32", (scale,)))
    h = graft.tensor(f"mcuedit/{op.index}/h", (*lead, len(a)), sort)
    one = Sort("INT8", (some[0].gain,))
    behind = op.index - 1
    if is_weighted(model, at) and at.kind == "CONV_2D" and tap == op.index:
        w = graft.constant(f"mcuedit/{op.index}/A", a.reshape(len(a), *model.tensors[at.inputs[1]].shape[1:]), one)
        names = ("strideH", "strideW", "dilationHFactor", "dilationWFactor", "padding")
        options = {name: at.options[name] for name in names}
        graft.op(behind, "CONV_2D", [source.index, w, c], h, **options, fusedActivationFunction=_RELU)
        return h
    w = graft.constant(f"mcuedit/{op.index}/A", a, one)
    shape = (math.prod(lead), len(a))
    made = h if tuple(lead) == shape[:1] else graft.tensor(f"mcuedit/{op.index}/h", shape, sort)
    graft.op(behind, "FULLY_CONNECTED", [source.index, w, c], made, fusedActivationFunction=_RELU)
    if made != h:
        lengths = graft.constant(f"mcuedit/{op.index}/shape", np.array((*lead, len(a)), np.int32))
        graft.op(behind, "RESHAPE", [made, lengths], h, newShape=[*lead, len(a)])
    return h
