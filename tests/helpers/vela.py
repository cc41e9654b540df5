# SPDX-License-Identifier: Apache-2.0
"""Nets compiled for an Arm Ethos-U: by Vela where it is installed, and in Vela's form without it."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from helpers.tiny import altered

needs_vela = pytest.mark.skipif(find_spec("ethosu") is None, reason="ethos-u-vela is not installed")


def compiled(source: bytes, folder: Path) -> bytes:
    """What Vela makes of a net, which must be in `folder` alone."""
    (folder / "net.tflite").write_bytes(source)
    command = [sys.executable, "-m", "ethosu.vela", "net.tflite", "--output-dir", "out"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return (folder / "out" / "net_vela.tflite").read_bytes()


def in_its_form(source: bytes, scratch: int = 512) -> bytes:
    """A net as one custom op over the same input and output; its commands are none."""

    def change(model: Any) -> None:
        graph = model.subgraphs[0]
        x, y = (graph.tensors[int(side[0])] for side in (graph.inputs, graph.outputs))
        own = [_bytes("ethos_u_command_stream", 32, 1), _bytes("read_only", 16, 2), _bytes("scratch", scratch, 0)]
        x.buffer = y.buffer = 0
        graph.tensors, graph.inputs, graph.outputs = [*own, x, y], [3], [4]
        model.buffers = [schema.BufferT(), schema.BufferT(), schema.BufferT()]
        model.buffers[1].data, model.buffers[2].data = np.zeros(32, np.uint8), np.zeros(16, np.uint8)
        code, op = schema.OperatorCodeT(), schema.OperatorT()
        code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
        code.customCode = b"ethos-u"
        op.inputs, op.outputs, op.opcodeIndex = [0, 1, 2, 2, 3], [4], 0
        model.operatorCodes, graph.operators = [code], [op]
        model.signatureDefs, model.metadata, model.metadataBuffer = [], [], []

    return altered(source, change)


def _bytes(name: str, size: int, buffer: int) -> Any:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type, tensor.buffer = name.encode(), [size], schema.TensorType.UINT8, buffer
    return tensor
