# SPDX-License-Identifier: Apache-2.0
"""How much memory TensorFlow Lite Micro plans for activations."""

from __future__ import annotations

import os
import re
import tempfile

from mcuedit.model.tflite import Model


def planned_by_tflm(model: Model) -> int:
    """Bytes of the non-persistent part of its arena. C code prints it: the file descriptors are redirected."""
    from tflite_micro import runtime

    size = 4 * sum(tensor.size for tensor in model.tensors if tensor.data is None) + (1 << 17)
    with tempfile.TemporaryFile() as file:
        kept = [os.dup(1), os.dup(2)]
        try:
            for stream in (1, 2):
                os.dup2(file.fileno(), stream)
            interpreter = runtime.Interpreter.from_bytes(model.data, arena_size=size)
            interpreter.print_allocations()
        finally:
            for stream, own in zip((1, 2), kept, strict=True):
                os.dup2(own, stream)
                os.close(own)
        file.seek(0)
        found = re.search(r"allocation head (\d+) bytes", file.read().decode())
    assert found
    return int(found[1])
