# SPDX-License-Identifier: Apache-2.0
"""Extended files against the arithmetic of deltas on their base."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mcuedit.adapter.delta import Adapter
from mcuedit.adapter.forward import outputs
from mcuedit.codegen.augment import extend
from mcuedit.codegen.augment.stock import StockTflm
from mcuedit.conformance.oneop import random_inputs
from mcuedit.model.oracle import Oracle
from mcuedit.model.tflite import Model


def compared(
    model: Model,
    adapters: Sequence[Adapter],
    form: str,
    x: np.ndarray | None = None,
    runtime: Callable[[Model, bytes], Oracle] = lambda model, data: StockTflm(model, data),
) -> tuple[int, int]:
    """Bytes of the output that differ between the extended file in a runtime and docs/spec; those that deltas change.

    Args:
        runtime: makes what runs a file; what it makes of the base's is what deltas are added to.
    """
    x = random_inputs(model, np.random.default_rng(0), 16) if x is None else x
    oracle = runtime(model, model.data)
    end = model.outputs[0]
    want = outputs(model, oracle, adapters, x)
    base = oracle.activations(x, [end])[end]
    got = runtime(model, extend(model, adapters, form).data).activations(x, [end])[end]
    return int((got != want).sum()), int((base != want).sum())
