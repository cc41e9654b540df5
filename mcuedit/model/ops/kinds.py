# SPDX-License-Identifier: Apache-2.0
"""The op kinds of the bare runtime: one record each, from which every part of mcuedit takes what it needs of a kind.

A new op is a line here, a module that its record names, a kernel, and that kernel's declaration in kernels.h.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any

import numpy.typing as npt

from mcuedit.model.windows import Window

_IMAGES, _ANY, _SOME = (4, 4), (1, 5), (1, 4)
_OPS, _LOWER, _GENERATE = "mcuedit.model.ops.", "mcuedit.codegen.ops.", "mcuedit.conformance."


@dataclass(frozen=True)
class Kind:
    """One op kind. A part is named as "module:name", so that none of them is imported before it is used.

    Attributes:
        reference: class of the numpy arithmetic (`mcuedit.model.ops.Operator`).
        lowering: function (model, op) -> Lowered, the call of its kernel.
        generator: function (drawing, x, kind) -> Ref, which adds a random op of this kind to a net.
        axes: how many axes, least and most, the input of a drawn op has.
        options: the table of builtin options in TFLite's schema; empty: it has none.
        resolver: name of MicroMutableOpResolver's function behind Add, where it is not made of the kind's own words.
        int8: TensorFlow Lite Micro has a registration for int8 alone, too, which takes less flash.
        weights: it multiplies its input by constants.
        several: more than its first input may be an activation.
    """

    reference: str
    lowering: str
    generator: str
    axes: tuple[int, int] = _ANY
    options: str = ""
    resolver: str = ""
    int8: bool = False
    weights: bool = False
    several: bool = False


@dataclass(frozen=True)
class Lowered:
    """One op as C.

    Attributes:
        function: of kernels.h, called as `function(&params, *operands)`; empty when the output is the input's bytes.
        params_type: its parameter struct.
        params: (field, C expression); `{name}` of `constants` stands for the array, `{window}` for a pointer to it.
        constants: arrays in flash, by name; covered by the base's CRC.
        operands: "input" (the op's source 0), "input1", ..., "output", "scratch", or the name of a constant; a tuple of
            these stands for an array of them.
        scratch: bytes that "scratch" points to, aligned to a word.
        window: of a windowed op.
        in_place: positions of sources whose place the output may take: the kernel reads an element before it writes it.
    """

    function: str = ""
    params_type: str = ""
    params: tuple[tuple[str, str], ...] = ()
    constants: dict[str, npt.NDArray[Any]] = field(default_factory=dict)
    operands: tuple[str | tuple[str, ...], ...] = ("input", "output")
    scratch: int = 0
    window: Window | None = None
    in_place: tuple[int, ...] = ()


def _table(options: str = "", draw: str = "generators_plain:curve") -> Kind:
    """A kind whose every output byte depends on one input byte."""
    return Kind(f"{_OPS}table:Table", f"{_LOWER}lookup:lower", _GENERATE + draw, options=options)


def _copy(name: str, options: str, draw: str, axes: tuple[int, int] = _ANY, **more: Any) -> Kind:
    """A kind that moves bytes."""
    return Kind(
        f"{_OPS}copies:{name}", f"{_LOWER}copies:lower", f"{_GENERATE}generators_plain:{draw}", axes, options, **more
    )


def _pool(name: str) -> Kind:
    return Kind(
        f"{_OPS}pool:{name}", f"{_LOWER}pool:lower", f"{_GENERATE}generators:pool", _IMAGES, "Pool2DOptions", int8=True
    )


def _binary(name: str, options: str, int8: bool) -> Kind:
    reference, lowering, draw = f"{_OPS}binary:{name}", f"{_LOWER}binary:lower", f"{_GENERATE}generators:binary"
    return Kind(reference, lowering, draw, options=options, int8=int8, several=True)


def _weights(module: str, name: str, draw: str, axes: tuple[int, int], options: str) -> Kind:
    reference, lowering = f"{_OPS}{module}:{name}", f"{_LOWER}{module}:lower"
    return Kind(reference, lowering, f"{_GENERATE}generators:{draw}", axes, options, int8=True, weights=True)


KINDS: dict[str, Kind] = {
    "ADD": _binary("Sum", "AddOptions", int8=True),
    "AVERAGE_POOL_2D": _pool("AveragePool"),
    "CONCATENATION": _copy("Concatenation", "ConcatenationOptions", "concatenation", several=True),
    "CONV_2D": _weights("conv", "Conv", "convolution", _IMAGES, "Conv2DOptions"),
    "DEPTHWISE_CONV_2D": _weights("depthwise", "Depthwise", "depthwise", _IMAGES, "DepthwiseConv2DOptions"),
    "FULLY_CONNECTED": _weights(
        "fully_connected", "FullyConnected", "fully_connected", (2, 4), "FullyConnectedOptions"
    ),
    "HARD_SWISH": _table("HardSwishOptions"),
    "LEAKY_RELU": _table("LeakyReluOptions"),
    "LOGISTIC": _table(),
    "MAX_POOL_2D": _pool("MaxPool"),
    "MEAN": Kind(
        f"{_OPS}mean:Mean", f"{_LOWER}mean:lower", f"{_GENERATE}generators_plain:mean", options="ReducerOptions"
    ),
    "MUL": _binary("Mul", "MulOptions", int8=True),
    "PAD": _copy("Pad", "PadOptions", "pad", int8=True),
    "PADV2": _copy("Pad", "PadV2Options", "pad", resolver="PadV2"),
    "QUANTIZE": _table("QuantizeOptions", "generators:quantize"),
    "RELU": _table(),
    "RELU6": _table(),
    "RESHAPE": Kind(
        f"{_OPS}copies:Reshape",
        f"{_LOWER}reshape:lower",
        f"{_GENERATE}generators_plain:reshape",
        options="ReshapeOptions",
    ),
    "SOFTMAX": Kind(
        f"{_OPS}softmax:Softmax",
        f"{_LOWER}softmax:lower",
        f"{_GENERATE}generators_plain:softmax",
        _SOME,
        "SoftmaxOptions",
        int8=True,
    ),
    "STRIDED_SLICE": _copy("StridedSlice", "StridedSliceOptions", "strided_slice", _SOME),
    "SUB": _binary("Sum", "SubOptions", int8=False),
    "TANH": _table(),
    "TRANSPOSE": _copy("Transpose", "TransposeOptions", "transpose", int8=True),
}


@cache
def part(named: str) -> Any:
    """What a record names as "module:name"."""
    module, name = named.split(":")
    return getattr(import_module(module), name)
