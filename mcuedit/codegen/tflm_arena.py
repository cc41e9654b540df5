# SPDX-License-Identifier: Apache-2.0
"""An upper bound of the arena that TensorFlow Lite Micro needs for a model on a 32-bit core.

Activations and scratch are packed as TFLM's greedy planner packs them; what the interpreter keeps beside them is
bounded by the sizes of its structures. Kernels differ in scratch: the bound holds for the reference kernels and for
those of CMSIS-NN with DSP and MVE. On the device `arena_used_bytes()` says what is really taken.
"""

from __future__ import annotations

from mcuedit.codegen.allocation import Block, allocate
from mcuedit.model.adaptable import is_adaptable, op_geometry
from mcuedit.model.tflite import Model, Op, Tensor

_ALIGN = 16  # of everything in TFLM's arena

# Bytes of what is kept, with some margin for another version's.
_INTERPRETER = 1536  # allocators, graph, planner, input and output tensors
_PER_TENSOR = 16  # TfLiteEvalTensor
_PER_OP = 288  # node, parsed options, the kernel's data, the wrapper's, handles of scratch
_PER_CHANNEL = 8  # multiplier and shift
_PLANNING = 96  # per tensor and op, only while the plan is made, where activations will lie

_WIDTHS = {"INT8": 1, "UINT8": 1, "BOOL": 1, "INT16": 2, "FLOAT16": 2, "INT64": 8, "FLOAT64": 8}  # others have 4
_CELLS, _LSTM = 19, 1024  # operand of an LSTM; what its kernel keeps beside its four buffers
_MVE_CHANNELS = 124  # channels that CMSIS-NN's depthwise convolution takes at a time


def arena_size(model: Model) -> int:
    """Bytes of an arena aligned to 16 that suffice."""
    blocks = _blocks(model)
    offsets = allocate(blocks)
    planned = max(offsets[i] + block.size for i, block in blocks.items())
    channels = sum(_channels(model, op) for op in model.ops)
    states = sum(_aligned(_bytes(tensor)) for tensor in model.tensors if tensor.variable)
    kept = states + _INTERPRETER + _PER_TENSOR * len(model.tensors) + _PER_OP * len(model.ops) + _PER_CHANNEL * channels
    planning = _PLANNING * (len(model.tensors) + len(model.ops))
    return _aligned(kept + max(planned, planning))


def _bytes(tensor: Tensor) -> int:
    return tensor.size * _WIDTHS.get(tensor.dtype, 4)


def _aligned(size: int) -> int:
    return -(-size // _ALIGN) * _ALIGN


def _blocks(model: Model) -> dict[int, Block]:
    """Activations and scratch by numbers in whose order the planner takes those of one size: the last ones first."""
    first = dict.fromkeys(model.file_inputs, 0)
    last: dict[int, int] = dict.fromkeys(model.file_outputs, len(model.ops))
    for op in model.ops:
        if op.is_accelerator:  # its working memory is a tensor that nothing writes
            for tensor in model.sources(op):
                first.setdefault(tensor, op.index)
        for tensor in op.outputs:
            first.setdefault(tensor, op.index)
        for tensor in (*op.inputs, *op.outputs):
            if tensor >= 0 and model.tensors[tensor].data is None:
                last[tensor] = max(last.get(tensor, 0), op.index)
    blocks = {
        -tensor: Block(_aligned(_bytes(model.tensors[tensor])), begin, last[tensor]) for tensor, begin in first.items()
    }
    scratch = {op.index: Block(_aligned(_scratch(model, op)), op.index, op.index) for op in model.ops}
    return blocks | {-len(model.tensors) - index: block for index, block in scratch.items()}


def _channels(model: Model, op: Op) -> int:
    """Channels that the op keeps something for."""
    constants = [t for t in model.op_tensors(op)[0] if t is not None and t.data is not None]
    kept = max((t.scale.size for t in constants), default=0)
    return kept + (constants[0].shape[0] if op.kind == "FULLY_CONNECTED" and constants else 0)


def _scratch(model: Model, op: Op) -> int:
    """The most that kernel and wrapper ask for."""
    inputs, outputs = model.op_tensors(op)
    x, weights = (*inputs, None, None)[:2]
    patch = op_geometry(model, op.index).n_in if is_adaptable(model, op) else 0
    if op.kind == "TRANSPOSE_CONV":
        return 4 * outputs[0].size + _ALIGN
    if op.kind == "BATCH_MATMUL":  # operands turned, which are kept
        return sum(t.size for t in inputs if t is not None) + 2 * _PER_OP
    if weights is not None and len(weights.shape) == 4:
        _, height, width, channels = weights.shape
        if op.kind == "DEPTHWISE_CONV_2D":
            return height * width * (max(4 * _MVE_CHANNELS, 2 * channels) + 4 * channels) + _ALIGN
        return 4 * _aligned(height * width * channels) + _aligned(patch) + _ALIGN
    if op.kind == "FULLY_CONNECTED" and weights is not None:
        return 4 * weights.shape[0]
    if op.kind == "UNIDIRECTIONAL_SEQUENCE_LSTM" and len(op.inputs) > _CELLS:
        return 4 * _aligned(2 * model.tensors[op.inputs[_CELLS]].size) + _LSTM
    if op.kind in ("AVERAGE_POOL_2D", "MEAN", "SUM", "REDUCE_MAX") and x is not None:
        return 4 * max(x.shape[-1], outputs[0].size) + _ALIGN
    return 0
