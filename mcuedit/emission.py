# SPDX-License-Identifier: Apache-2.0
"""A base and its adapters as a folder: C sources, and each adapter's device bytes."""

from __future__ import annotations

from collections.abc import Sequence

from mcuedit import codegen, package
from mcuedit.base import Base
from mcuedit.delta import Adapter
from mcuedit.errors import McueditError


def emit(
    base: Base, adapters: Sequence[Adapter] = (), *, project: str = "cmake", runtime: str = "bare"
) -> dict[str, bytes]:
    """{relative path: content}; the same arguments give the same bytes. Touches no disk.

    Args:
        project: one of codegen.PROJECTS.
        runtime: "bare", the base as C calls, or "tflm", for a firmware with TensorFlow Lite Micro.

    Raises:
        McueditError: the runtime does not support the model, an adapter does not fit it, or names collide.
    """
    if runtime == "tflm" and project != "cmake":
        raise McueditError(f"--project {project} is for the bare runtime", "take the sources of --project cmake")
    if runtime == "tflm":
        rendered = codegen.render_tflm_project(base, adapters)
    else:
        rendered = codegen.arrange(codegen.render_project(base, adapters), base, project)
    files = {path: text.encode() for path, text in rendered.items()}
    for adapter in adapters:
        files[f"{codegen.adapter_names(adapter).stem.removesuffix('_adapter')}.bin"] = package.encode(
            adapter, base.model
        )
    return files
