# SPDX-License-Identifier: Apache-2.0
"""The process that TensorFlow runs in: its converter ends some networks by a signal, and everything talks to stderr.

python -m mcuedit.zoo.quantization.worker SOURCE SAMPLES.npy text|tensors RESULT.npz
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit.zoo.quantization import REFUSED
from mcuedit.zoo.quantization.converter import convert
from mcuedit.zoo.quantization.network import load


def main(source: Path, samples_path: Path, kind: str, result: Path) -> int:
    """Writes data (the .tflite) and outputs (float32[n, outputs] of the float network), or an error."""
    samples = np.load(samples_path)
    try:
        network = load(source, samples.shape[1:])
        outputs = network.outputs(samples)
        if not np.isfinite(outputs).all():
            bad = int(np.argwhere(~np.isfinite(outputs))[0, 0])
            raise McueditError(f"the float network gives NaN or infinity for sample {bad}", "train it again")
        data = convert(network, samples, kind == "text")
    except McueditError as error:
        result.write_text(json.dumps([error.message, error.hint]), encoding="utf-8")
        return REFUSED
    with result.open("wb") as file:
        np.savez(file, data=np.frombuffer(data, np.uint8), outputs=outputs)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4])))
