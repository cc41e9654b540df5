# SPDX-License-Identifier: Apache-2.0
"""What a device needs to train: statistics and configuration as C constants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import Int8Array, Int16Array
from mcuedit.codegen import literals
from mcuedit.codegen.arena_plan import plan_arena
from mcuedit.codegen.names import base_names
from mcuedit.codegen.ops import lower
from mcuedit.codegen.render import banner, render_base, render_ops, render_text
from mcuedit.model.adaptable import op_geometry
from mcuedit.model.bundle import Base
from mcuedit.model.tflite import Model
from mcuedit.ondevice import GateStatistics
from mcuedit.ondevice.backward import backward_layers
from mcuedit.ondevice.factors import FactorOptions, output_scale
from mcuedit.ondevice.sizes import factors_width

_MOST_VALUES = 0xFFFF  # of mcuedit_train_factors.values and a link's n_in


@dataclass(frozen=True)
class TrainSetup:
    """How a device trains gates.

    Attributes:
        tap, target: op indices; the target makes the logits.
        corrections, replay: wordings of an edit and confirmed inputs that there is capacity for.
        replay_least: confirmed inputs without which training does not start.
        replay_changed: confirmed inputs whose answer may change.
    """

    tap: int
    target: int
    corrections: int = 2
    replay: int = 32
    replay_least: int = 1
    replay_changed: int = 0

    def tap_tensor(self, base: Base) -> int:
        """The tensor that `codegen.render_base` must leave in the arena."""
        return base.model.ops[self.tap].inputs[0]


def render_trainable(
    base: Base, gate: tuple[GateStatistics, TrainSetup] | None, factors: FactorSetup | None
) -> dict[str, str]:
    """A base and what it takes to train beside it: header and source of each.

    Raises:
        McueditError: as `codegen.render_base` and `render_factors`.
    """
    model, keep, exported = base.model, list[int](), tuple[int, ...]()
    if gate:
        keep.append(gate[1].tap_tensor(base))
    if factors:
        keep.append(model.ops[factors.op].inputs[0])
        exported = factors.ops(model)
    files = render_base(base, keep=keep, exported=exported, traced=False)
    if gate:
        files |= render_train(base, *gate, keep=keep)
    if factors:
        files |= render_factors(base, factors, keep=keep)
    return files


def render_tflm_trainable(
    base: Base, gate: tuple[GateStatistics, TrainSetup] | None, factors: FactorSetup | None
) -> dict[str, str]:
    """What it takes to train beside a base of `codegen.render_tflm_base`: the ops behind the trained one, too.

    Raises:
        McueditError: as `render_factors`, or the engine does not support one of these ops.
    """
    files = render_train(base, *gate, runtime="tflm") if gate else {}
    if factors:
        files |= render_factors(base, factors, runtime="tflm")
        files[f"{base_names(base.name).stem}_ops.c"] = render_ops(base, factors.ops(base.model))
    return files


def render_train(
    base: Base,
    statistics: GateStatistics,
    setup: TrainSetup,
    *,
    keep: Sequence[int] = (),
    runtime: str = "bare",
) -> dict[str, str]:
    """Header and source of what training a gate needs beside a base.

    Args:
        keep: what `codegen.render_base` was told to keep; the tap's input alone if not given.
        runtime: "bare", or "tflm", where a mcuedit_tflm_watch keeps the tap's input.

    Raises:
        McueditError: the bare runtime does not support the model.
    """
    s = statistics
    context: dict[str, Any] = {
        **banner(base),
        "names": base_names(base.name),
        "statistics": s,
        **vars(setup),
        "n_in": op_geometry(base.model, setup.tap).n_in,
        "kept": _kept(base, setup.tap_tensor(base), keep, runtime),
        "logits_size": base.model.tensors[base.model.ops[setup.target].outputs[0]].size,
        "arrays": [
            _array("centre", s.centre),
            _array("directions", s.directions),
            _array("damping", s.damping),
            _array("samples", s.rows),
        ],
    }
    stem = context["names"].stem
    return {f"{stem}_train.{end}": render_text(f"train.{end}.j2", context) for end in "hc"}


@dataclass(frozen=True)
class FactorSetup:
    """How a device trains factors of one op; the capacity is as in TrainSetup."""

    op: int
    options: FactorOptions = field(default_factory=FactorOptions)
    corrections: int = 4
    replay: int = 32
    replay_least: int = 1
    replay_changed: int = 0

    def ops(self, model: Model) -> tuple[int, ...]:
        """The trained op and those behind it."""
        return (self.op, *(link.index for link in backward_layers(model, self.op)))

    def render_base(self, base: Base) -> dict[str, str]:
        """The base with what training reads of it."""
        return render_base(base, keep=(base.model.ops[self.op].inputs[0],), exported=self.ops(base.model))


def render_factors(
    base: Base, setup: FactorSetup, *, keep: Sequence[int] = (), runtime: str = "bare"
) -> dict[str, str]:
    """Header and source of what training factors needs beside the base that `setup.render_base` gives.

    Args:
        keep, runtime: as for `render_train`.

    Raises:
        McueditError: the bare runtime does not support the model, an op behind has no gradient on the device, or
            there is too much behind.
    """
    model = base.model
    behind = backward_layers(model, setup.op)
    chain = [_link(model, setup.op), *(_link(model, link.index) for link in behind)]
    geometry, values = op_geometry(model, setup.op), sum(link["n_out"] for link in chain)
    if geometry.window:
        chain[0] |= {"way": "gathered", "scratch": 0, "n_in": geometry.positions * geometry.n_in}
    _require_few(setup.op, "an input", chain[0]["n_in"])
    _require_few(setup.op, "outputs, its own and those behind it,", values)
    context: dict[str, Any] = {
        **banner(base),
        "names": base_names(base.name),
        **vars(setup),
        "n_in": geometry.n_in,
        "n_out": geometry.n_out,
        "rank": setup.options.rank,
        "layers": chain,
        "rows": geometry.positions,
        "width": factors_width([link["n_out"] for link in chain], geometry, setup.options.rank),
        "values": values,
        "output": output_scale(bool(behind)),
        "windowed": geometry.window is not None,
        "kept": _kept(base, model.ops[setup.op].inputs[0], keep, runtime),
    }
    stem = context["names"].stem
    return {f"{stem}_factors.{end}": render_text(f"factors.{end}.j2", context) for end in "hc"}


def _require_few(op: int, what: str, elements: int) -> None:
    if elements > _MOST_VALUES:
        raise McueditError(f"op {op}: {what} of {elements} elements, at most {_MOST_VALUES} can be", "train a later op")


_WAYS = {
    "mcuedit_fully_connected": "matmul",
    "mcuedit_conv_2d": "conv",
    "mcuedit_depthwise_conv_2d": "depthwise",
    "mcuedit_lookup": "lookup",
}
_POOLS = {"AVERAGE_POOL_2D": "average", "MAX_POOL_2D": "max"}


def _kept(base: Base, tensor: int, keep: Sequence[int], runtime: str) -> dict[str, Any]:
    """Where a tensor is after an inference: in the arena, or where a watch put it."""
    if runtime == "tflm":
        return {"watched": True, "offset": 0, "size": base.model.tensors[tensor].size}
    place = plan_arena(base.model, keep=keep or (tensor,)).places[tensor]
    return {"watched": False, "offset": place.offset, "size": place.size}


def _link(model: Model, index: int) -> dict[str, Any]:
    op = model.ops[index]
    lowered = lower(model, op)
    x, y = model.tensors[op.inputs[0]], model.tensors[op.outputs[0]]
    weights = lowered.constants.get("weights")
    return {
        "index": index,
        "type": lowered.params_type,
        "function": lowered.function,
        "way": _POOLS.get(op.kind) or _WAYS[lowered.params_type],
        "scratch": lowered.scratch,
        "n_in": x.size,
        "n_out": y.size,
        "macs": y.size if weights is None else weights.size // y.shape[-1] * y.size,
    }


def _array(name: str, values: Int8Array | Int16Array) -> dict[str, Any]:
    kind = literals.C_TYPES[values.dtype.name]
    return {"name": name, "type": kind, "count": values.size, "text": literals.array(values)}
