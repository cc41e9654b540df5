# SPDX-License-Identifier: Apache-2.0
"""TensorFlow's converter, with the settings that TensorFlow Lite Micro and mcuedit want."""

from __future__ import annotations

import re

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import FloatArray
from mcuedit.model import text as features
from mcuedit.zoo.quantization.network import Network, tensorflow

# How the converter names ops that it has no kernel for, or none in int8.
_REFUSED = (
    re.compile(r"not yet supported for op: '?(\w+)"),
    re.compile(r"[Oo]ps?: ([A-Z]\w+(?:, [A-Z]\w+)*)"),
    re.compile(r"'tfl?\.(\w+)' op is neither"),
)
_BETWEEN = ("QUANTIZE", "DEQUANTIZE")


def convert(network: Network, samples: FloatArray, text: bool = False) -> bytes:
    """A full-integer .tflite: batch 1, int8 in and out, one scale for the weights of a FULLY_CONNECTED op.

    Args:
        samples: float32[n, *shape] that calibrate it.
        text: gives the input the scale and zero point of text features.

    Raises:
        McueditError: the network has an op that cannot be int8, or the converter fails otherwise.
    """
    tf = tensorflow()
    if text:
        samples = np.concatenate([samples, _extremes(samples)])
    converter = network.converter()
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([sample[None]] for sample in samples)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    # Several scales there are known to recent versions of TFLM only.
    converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    try:
        data = bytes(converter.convert())
    except Exception as error:  # the converter has no exception of its own for what it refuses
        raise _refusal(str(error)) from error
    left = _left_in_float(data)
    if left:
        raise _no_kernel(left)
    return data


def _extremes(samples: FloatArray) -> FloatArray:
    """A sample whose least and greatest value fix the input's quantization, in the features that are used least."""
    flat = np.zeros((1, samples[0].size), np.float32)
    low, high = np.argsort(np.abs(samples).reshape(len(samples), -1).sum(axis=0), kind="stable")[:2]
    flat[0, [low, high]] = -128 * features.SCALE, 127 * features.SCALE
    return flat.reshape(1, *samples.shape[1:])


def _left_in_float(data: bytes) -> list[str]:
    """Kinds of ops that compute in float, between DEQUANTIZE and QUANTIZE: the converter does not refuse them all."""
    from ai_edge_litert import schema_py_generated as schema

    root = schema.ModelT.InitFromPackedBuf(data, 0)
    names = {v: k for k, v in vars(schema.BuiltinOperator).items() if not k.startswith("_")}
    found = []
    for graph in root.subgraphs:
        for op in graph.operators:
            code = root.operatorCodes[op.opcodeIndex]
            kind = names.get(max(code.builtinCode, code.deprecatedBuiltinCode), "?")
            if kind not in _BETWEEN and any(graph.tensors[t].type == schema.TensorType.FLOAT32 for t in op.outputs):
                found.append(kind)
    return list(dict.fromkeys(found))


def _refusal(said: str) -> McueditError:
    names = (found for pattern in _REFUSED for match in pattern.findall(said) for found in match.split(", "))
    refused = list(dict.fromkeys(names))
    if refused:
        return _no_kernel(refused)
    lines = [line.strip() for line in said.splitlines() if line.strip()] or ["it says nothing"]
    return McueditError(f"TensorFlow's converter fails: {lines[0][:300]}", "build the network of other layers")


def _no_kernel(kinds: list[str]) -> McueditError:
    return McueditError(
        f"the converter has no int8 kernel for {', '.join(kinds)}",
        "build the network of other layers, or cut this one off its end and compute it in the application",
    )
