# SPDX-License-Identifier: Apache-2.0
"""A base and its adapters as one .tflite of builtin ops, which every stock runtime runs.

`extend` writes it, `read` knows it again, and `base_of` gives the base back, byte for byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mcuedit._util.errors import McueditError
from mcuedit.adapter.delta import Adapter, check_adapter
from mcuedit.codegen.augment.chained import chained
from mcuedit.codegen.augment.graft import Graft
from mcuedit.codegen.augment.mark import KEY, mark
from mcuedit.codegen.augment.mark import Mark as Mark
from mcuedit.codegen.augment.mark import base_of as base_of
from mcuedit.codegen.augment.mark import read as read
from mcuedit.model.tflite import Model

CHAINED, AUTO = "chained", "auto"
FORMS = (CHAINED,)


@dataclass(frozen=True)
class Extended:
    """A file with adapters in it.

    Attributes:
        form: of FORMS.
        kinds: of the added ops, in the order in which they were added.
        all_kinds: of every op that a runtime needs for subgraph 0.
    """

    data: bytes
    form: str
    kinds: tuple[str, ...]
    all_kinds: tuple[str, ...]


def extend(model: Model, adapters: Sequence[Adapter], form: str = AUTO) -> Extended:
    """The base's file with adapters in it.

    Args:
        form: of FORMS, or AUTO.

    Raises:
        McueditError: an adapter does not fit the base, or the form cannot express it.
    """
    if not adapters:
        raise McueditError("no adapters to put into the file", "give at least one")
    if model.is_compiled:
        raise McueditError(
            "what Vela compiled cannot be extended", "extend the .tflite that Vela read, then compile it"
        )
    for adapter in adapters:
        check_adapter(adapter, model)
    form = CHAINED if form == AUTO else form
    graft = Graft(model)
    chained(graft, [delta for adapter in adapters for delta in adapter.deltas])
    data = graft.pack({KEY: mark(model, adapters, form).packed()})
    kinds = tuple(graft.kinds)
    return Extended(data, form, kinds, tuple(sorted({op.kind for op in model.ops}.union(kinds))))
