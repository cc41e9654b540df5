# SPDX-License-Identifier: Apache-2.0
"""Generated sources of the apps: a base, adapters beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mcuedit import codegen
from mcuedit._util.errors import McueditError
from mcuedit.adapter.delta import Adapter, serving
from mcuedit.boards.board import Board
from mcuedit.build.driver import BuildResult, build
from mcuedit.build.external import tflm
from mcuedit.build.linker import render
from mcuedit.build.options import PLAIN, BuildOptions
from mcuedit.model.bundle import Base


def sources(base: Base, adapters: Sequence[Adapter] = (), runtime: str = "bare") -> dict[str, str]:
    """What an app needs beside firmware/, under names of its own: those of the user could collide.

    Raises:
        McueditError: the runtime does not support the model, or an adapter does not fit it.
    """
    base = replace(base, name="base", model=serving(base.model, adapters))
    adapters = [replace(adapter, name=f"a{i}") for i, adapter in enumerate(adapters)]
    if runtime == "tflm":
        files = codegen.render_tflm_base(base) | codegen.render_tflm_model_header(base)
    else:
        files = codegen.render_base(base) | codegen.render_model_header(base)
    for adapter in adapters:
        files |= codegen.render_adapter(adapter, base)
    context = {
        "names": [codegen.adapter_names(adapter) for adapter in adapters],
        "rank": max(1, sum(delta.rank for adapter in adapters for delta in adapter.deltas)),
    }
    return files | {name: render(f"{name}.j2", **context) for name in ("adapters.h", "adapters.c")}


def build_app(
    app: str,
    base: Base,
    adapters: Sequence[Adapter],
    board: Board,
    folder: Path,
    options: BuildOptions = PLAIN,
) -> BuildResult:
    """Builds an app for a board.

    Args:
        folder, options: as `mcuedit.build.driver.build`.

    Raises:
        McueditError: as `sources` and `mcuedit.build.driver.build`.
    """
    if base.model.is_compiled:
        raise McueditError(
            "no board here has the accelerator that the model was compiled for",
            "run it with --emulator tflm, or emit --runtime tflm and build it for the board that has it",
        )
    if options.runtime == "tflm":
        tflm.find(board)  # before the base is looked at
    return build(board, sources(base, adapters, options.runtime), app, folder, options)


def mask_bytes(active: Sequence[bool]) -> bytes:
    """The mask of app_use: bit i % 8 of byte i / 8, APP_MASK_SIZE bytes."""
    bits = sum(on << i for i, on in enumerate(active))
    return bits.to_bytes(len(active) // 8 + 1, "little")
