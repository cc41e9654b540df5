# SPDX-License-Identifier: Apache-2.0
"""How near the int8 base stays to its float network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mcuedit._util.typing import FloatArray
from mcuedit.edits.npz import quantized
from mcuedit.model.oracle import Oracle, Progress
from mcuedit.model.tflite import Model

_CHUNK = 64  # samples between two steps of the bar


@dataclass(frozen=True)
class Agreement:
    """On the samples.

    Attributes:
        samples: how many.
        same_class: share whose greatest output is the same one; None for a network with one output.
        mean, largest: difference of outputs, in their own units.
        reach: largest output of the float network less its smallest, to read `mean` by.
    """

    samples: int
    same_class: float | None
    mean: float
    largest: float
    reach: float


def agree(wanted: FloatArray, model: Model, oracle: Oracle, samples: FloatArray, advance: Progress) -> Agreement:
    """Runs the base on samples.

    Args:
        wanted: outputs of the float network, float32[n, outputs].
        samples: float32[n, *shape].
        advance: is told of samples as they are done.
    """
    x, _ = quantized("samples", samples, model.input)
    output = model.output
    x = x.reshape(len(x), *model.input_shape)
    chunks = []
    for start in range(0, len(x), _CHUNK):
        chunks.append(oracle.activations(x[start : start + _CHUNK], [output.index])[output.index])
        advance(len(chunks[-1]))
    raw = np.concatenate(chunks)
    found = (raw.reshape(len(x), -1).astype(np.float64) - output.zero) * float(output.scale[0])
    apart = np.abs(found - wanted)
    same = float(np.mean(found.argmax(axis=1) == wanted.argmax(axis=1))) if wanted.shape[1] > 1 else None
    return Agreement(len(x), same, float(apart.mean()), float(apart.max()), float(np.ptp(wanted)))
