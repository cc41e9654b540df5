# SPDX-License-Identifier: Apache-2.0
"""Float networks to int8 bases: by TensorFlow's converter, in the form that TensorFlow Lite Micro wants."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mcuedit._util import system
from mcuedit._util.errors import McueditError
from mcuedit._util.extras import require
from mcuedit._util.typing import FloatArray
from mcuedit.zoo.quantization.agreement import Agreement, agree
from mcuedit.zoo.quantization.samples import read

__all__ = ["Agreement", "Quantized", "agree", "quantize", "read"]
REFUSED = 3  # exit code of the worker: the result is an error, as JSON


@dataclass(frozen=True)
class Quantized:
    """A base and what it stands for.

    Attributes:
        data: the .tflite.
        outputs: of the float network for the samples, float32[n, outputs].
    """

    data: bytes
    outputs: FloatArray


def quantize(source: Path, samples: FloatArray, text: bool = False) -> Quantized:
    """Converts a network in a process of its own.

    Args:
        source: a .keras or .h5 file, or the folder of a SavedModel.
        samples: float32[n, *input].
        text: the input is text features.

    Raises:
        McueditError: TensorFlow is not installed, or the network cannot be read or converted.
    """
    require("tensorflow", "tensorflow", "quantizing")
    with system.folder() as name:
        folder = Path(name)
        np.save(folder / "samples.npy", samples)
        result = folder / "result"
        worker = [sys.executable, "-m", "mcuedit.zoo.quantization.worker", str(source), str(folder / "samples.npy")]
        worker += ["text" if text else "tensors", str(result)]
        done = subprocess.run(worker, capture_output=True, text=True, errors="replace", check=False)
        if done.returncode == REFUSED:
            raise McueditError(*json.loads(result.read_text(encoding="utf-8")))
        if done.returncode < 0:
            raise McueditError(
                f"{source}: TensorFlow's converter ends by {signal.Signals(-done.returncode).name} on it",
                "it does so on some recurrent and on very large networks: build it of other layers, or unroll it",
            )
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
            raise McueditError(f"{source}: TensorFlow fails on it: {last[:300]}", "'mcuedit doctor' shows its version")
        with np.load(result) as found:
            return Quantized(found["data"].tobytes(), found["outputs"])
