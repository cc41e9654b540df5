# SPDX-License-Identifier: Apache-2.0
"""A base and its adapters as a folder: C sources, and each adapter's device bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mcuedit import codegen
from mcuedit.adapter import encoding
from mcuedit.adapter.delta import Adapter, serving
from mcuedit.codegen import FactorSetup, Routes, TrainSetup
from mcuedit.model.bundle import Base
from mcuedit.ondevice import GateStatistics


def emit(
    base: Base,
    adapters: Sequence[Adapter] | Routes = (),
    *,
    project: str = "cmake",
    runtime: str = "bare",
    gate: tuple[GateStatistics, TrainSetup] | None = None,
    factors: FactorSetup | None = None,
) -> dict[str, bytes]:
    """{relative path: content}; the same arguments give the same bytes. Touches no disk.

    Args:
        adapters: compiled in; or, as Routes, read from flash that is not mapped and switched by a table.
        project: one of codegen.PROJECTS.
        runtime: "bare", the base as C calls, or "tflm", for a firmware with TensorFlow Lite Micro.
        gate, factors: what the device is to train.

    Raises:
        McueditError: the runtime does not support the model, an adapter does not fit it, or names collide.
    """
    every = adapters.adapters if isinstance(adapters, Routes) else adapters
    base = replace(base, model=serving(base.model, every))
    training = bool(gate or factors)
    if runtime == "tflm":
        trained = codegen.render_tflm_trainable(base, gate, factors) if training else None
        rendered = codegen.render_tflm_project(base, adapters, trained)
    else:
        own = codegen.render_trainable(base, gate, factors) if training else None
        rendered = codegen.render_project(base, adapters, own)
    rendered = codegen.arrange(rendered, base, project)
    files = {path: text.encode() for path, text in rendered.items()}
    if isinstance(adapters, Routes):
        files[f"{codegen.base_names(base.name).stem}_routes.bin"] = adapters.image()
    for adapter in every:
        files[f"{codegen.adapter_names(adapter).stem.removesuffix('_adapter')}.bin"] = encoding.encode(
            adapter, base.model
        )
    return files
