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

_IMAGES, _PLANES, _ANY, _SOME = (4, 4), (3, 4), (1, 5), (1, 4)
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
        source: position of the input that is the only activation, where it is not the first.
        splits: it may have several outputs; `reference` is given (model, op, output), and simulates that one.
        state: it keeps something for later inferences; `reference` simulates the first one.
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
    source: int = 0
    splits: bool = False
    state: bool = False


@dataclass(frozen=True)
class Lowered:
    """One op as C.

    Attributes:
        function: of kernels.h, called as `function(&params, *operands)`; empty when the output is the input's bytes.
        params_type: its parameter struct.
        params: (field, C expression); `{name}` of `constants` stands for the array, `{window}` for a pointer to it.
        constants: arrays in flash, by name; covered by the base's CRC.
        operands: "input" (the op's source 0), "input1", ..., "output" (its output 0), "output1", ..., "scratch", or the
            name of a constant; a tuple of these stands for an array of them. "state0", ...: where `states` lie.
        scratch: bytes that "scratch" points to, aligned to a word.
        window: of a windowed op.
        states: keys of what it keeps (`mcuedit.model.ops.recurrent.state`).
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
    states: tuple[int, ...] = ()


def _variable(options: str = "", draw: str = "generators_state:ring") -> Kind:
    """A kind about resource variables, which leaves a copy at most."""
    reference, lowering = f"{_OPS}recurrent.variables:Variable", f"{_LOWER}recurrent.variables:lower"
    return Kind(reference, lowering, _GENERATE + draw, options=options, state=True)


def _table(options: str = "", draw: str = "generators_plain:curve") -> Kind:
    """A kind whose every output byte depends on one input byte."""
    lowering = f"{_LOWER}elementwise.lookup:lower"
    return Kind(f"{_OPS}elementwise.table:Table", lowering, _GENERATE + draw, options=options)


def _copy(name: str, options: str, draw: str, axes: tuple[int, int] = _ANY, **more: Any) -> Kind:
    """A kind that moves bytes."""
    reference, lowering = f"{_OPS}moves.copies:{name}", f"{_LOWER}moves.copies:lower"
    return Kind(reference, lowering, f"{_GENERATE}generators_plain:{draw}", axes, options, **more)


def _reshape(name: str, options: str, draw: str, axes: tuple[int, int] = _ANY) -> Kind:
    """A kind that leaves all bytes where they are."""
    return Kind(_OPS + name, f"{_LOWER}moves.reshape:lower", _GENERATE + draw, axes, options)


def _view(draw: str, axes: tuple[int, int], options: str, **more: Any) -> Kind:
    """A kind whose output is a view of its input."""
    lowering = f"{_LOWER}moves.views:{'lower_split' if more.get('splits') else 'lower'}"
    return Kind(f"{_OPS}moves.views:Moved", lowering, f"{_GENERATE}generators_moves:{draw}", axes, options, **more)


def _pool(name: str) -> Kind:
    return Kind(
        f"{_OPS}pool:{name}", f"{_LOWER}pool:lower", f"{_GENERATE}generators:pool", _IMAGES, "Pool2DOptions", int8=True
    )


def _reduction(name: str) -> Kind:
    """A kind that makes one element of those along some axes."""
    reference, lowering, draw = f"{_OPS}reductions:{name}", f"{_LOWER}reductions:lower", "generators_plain:reduced"
    return Kind(reference, lowering, _GENERATE + draw, options="ReducerOptions")


def _resize(reference: str, lowering: str, options: str) -> Kind:
    return Kind(_OPS + reference, _LOWER + lowering, f"{_GENERATE}generators_moves:resized", _IMAGES, options)


def _binary(name: str, options: str, draw: str = "generators:binary", **more: Any) -> Kind:
    """A kind of two operands that are broadcast."""
    reference, lowering = f"{_OPS}elementwise.{name}", f"{_LOWER}elementwise.binary:lower"
    return Kind(reference, lowering, _GENERATE + draw, options=options, several=True, **more)


def _product(module: str, name: str, axes: tuple[int, int], options: str, **more: Any) -> Kind:
    reference, lowering = f"{_OPS}products.{module}:{name}", f"{_LOWER}products.{module}:lower"
    return Kind(reference, lowering, f"{_GENERATE}generators_products:{module}", axes, options, **more)


def _weights(module: str, name: str, draw: str, axes: tuple[int, int], options: str) -> Kind:
    reference, lowering = f"{_OPS}{module}:{name}", f"{_LOWER}{module}:lower"
    return Kind(reference, lowering, f"{_GENERATE}generators:{draw}", axes, options, int8=True, weights=True)


KINDS: dict[str, Kind] = {
    "ABS": _table("AbsOptions"),
    "ADD": _binary("binary:Sum", "AddOptions", int8=True),
    "ASSIGN_VARIABLE": _variable(),
    "AVERAGE_POOL_2D": _pool("AveragePool"),
    "BATCH_MATMUL": _product(
        "batch_matmul", "BatchMatmul", (2, 5), "BatchMatMulOptions", several=True, resolver="BatchMatMul"
    ),
    "BATCH_TO_SPACE_ND": _view("batch_to_space", _PLANES, "BatchToSpaceNDOptions"),
    "CALL_ONCE": _variable("CallOnceOptions"),
    "CONCATENATION": _copy("Concatenation", "ConcatenationOptions", "concatenation", several=True),
    "CONV_2D": _weights("conv", "Conv", "convolution", _IMAGES, "Conv2DOptions"),
    "DEPTH_TO_SPACE": _view("depth_to_space", _IMAGES, "DepthToSpaceOptions"),
    "DEPTHWISE_CONV_2D": _weights("depthwise", "Depthwise", "depthwise", _IMAGES, "DepthwiseConv2DOptions"),
    "DIV": _binary("quotients:Div", "DivOptions", "generators_binary:division"),
    "ELU": _table(),
    "EXPAND_DIMS": _reshape("moves.shapes:ExpandDims", "ExpandDimsOptions", "generators_moves:expand_dims", (1, 4)),
    "FULLY_CONNECTED": _weights(
        "fully_connected", "FullyConnected", "fully_connected", (2, 4), "FullyConnectedOptions"
    ),
    "GATHER": _view("gather", _SOME, "GatherOptions"),
    "HARD_SWISH": _table("HardSwishOptions"),
    "L2_NORMALIZATION": Kind(
        f"{_OPS}l2norm:L2Normalization",
        f"{_LOWER}l2norm:lower",
        f"{_GENERATE}generators_plain:normalized",
        _SOME,
        "L2NormOptions",
    ),
    "LEAKY_RELU": _table("LeakyReluOptions"),
    "LOGISTIC": _table(),
    "MAXIMUM": _binary("binary:Extreme", "MaximumMinimumOptions", "generators_binary:extreme", int8=True),
    "MAX_POOL_2D": _pool("MaxPool"),
    "MEAN": _reduction("Sum"),
    "MINIMUM": _binary("binary:Extreme", "MaximumMinimumOptions", "generators_binary:extreme", int8=True),
    "MUL": _binary("binary:Mul", "MulOptions", int8=True),
    "PACK": Kind(
        f"{_OPS}moves.copies:Pack",
        f"{_LOWER}moves.copies:lower",
        f"{_GENERATE}generators_moves:pack",
        _SOME,
        "PackOptions",
        several=True,
    ),
    "PAD": _copy("Pad", "PadOptions", "pad", int8=True),
    "PADV2": _copy("Pad", "PadV2Options", "pad", resolver="PadV2"),
    "PRELU": _binary("quotients:Prelu", "", "generators_binary:prelu"),
    "QUANTIZE": _table("QuantizeOptions", "generators:quantize"),
    "READ_VARIABLE": _variable(),
    "REDUCE_MAX": _reduction("Largest"),
    "RELU": _table(),
    "RELU6": _table(),
    "RESHAPE": _reshape("moves.copies:Reshape", "ReshapeOptions", "generators_plain:reshape"),
    "RESIZE_BILINEAR": _resize("resize:Bilinear", "resize:lower_bilinear", "ResizeBilinearOptions"),
    "RESIZE_NEAREST_NEIGHBOR": _resize("moves.views:Moved", "resize:lower_nearest", "ResizeNearestNeighborOptions"),
    "RSQRT": _table("", "generators_binary:root"),
    "SLICE": _view("cut", _ANY, "SliceOptions"),
    "SOFTMAX": Kind(
        f"{_OPS}softmax:Softmax",
        f"{_LOWER}softmax:lower",
        f"{_GENERATE}generators_plain:softmax",
        _SOME,
        "SoftmaxOptions",
        int8=True,
    ),
    "SPACE_TO_BATCH_ND": _view("space_to_batch", _PLANES, "SpaceToBatchNDOptions"),
    "SPACE_TO_DEPTH": _view("space_to_depth", _IMAGES, "SpaceToDepthOptions"),
    "SPLIT": _view("split", _SOME, "SplitOptions", source=1, splits=True),
    "SPLIT_V": _view("split", _SOME, "SplitVOptions", splits=True),
    "SQUARED_DIFFERENCE": _binary(
        "quotients:SquaredDifference", "SquaredDifferenceOptions", "generators_binary:squared_difference"
    ),
    "SQUEEZE": _reshape("moves.shapes:Squeeze", "SqueezeOptions", "generators_moves:squeeze"),
    "STRIDED_SLICE": _copy("StridedSlice", "StridedSliceOptions", "strided_slice", _SOME),
    "SUM": _reduction("Sum"),
    "SUB": _binary("binary:Sum", "SubOptions"),
    "SVDF": Kind(
        f"{_OPS}recurrent.svdf:Svdf",
        f"{_LOWER}recurrent.svdf:lower",
        f"{_GENERATE}generators_state:svdf",
        (2, 2),
        "SVDFOptions",
        int8=True,
        state=True,
    ),
    "TANH": _table(),
    "TRANSPOSE": _copy("Transpose", "TransposeOptions", "transpose", int8=True),
    "TRANSPOSE_CONV": _product("transpose_conv", "TransposeConv", _IMAGES, "TransposeConvOptions", source=2, int8=True),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": Kind(
        f"{_OPS}recurrent.lstm:Lstm",
        f"{_LOWER}recurrent.lstm:lower",
        f"{_GENERATE}generators_state:lstm",
        (3, 3),
        "UnidirectionalSequenceLSTMOptions",
        "UnidirectionalSequenceLSTM",
        state=True,
    ),
    "UNPACK": _view("split", _SOME, "UnpackOptions", splits=True),
    "VAR_HANDLE": _variable("VarHandleOptions"),
}


@cache
def part(named: str) -> Any:
    """What a record names as "module:name"."""
    module, name = named.split(":")
    return getattr(import_module(module), name)
