# SPDX-License-Identifier: Apache-2.0
"""Several adapters as one: sums have no order, but a class has one name and an input one answer."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mcuedit._util.errors import McueditError
from mcuedit.adapter.delta import Adapter, check_adapter
from mcuedit.adapter.encoding import encode
from mcuedit.edits import Edit, EditSet, check_edits
from mcuedit.model.tflite import Model
from mcuedit.package.container import check_name


def join(adapters: Sequence[Adapter], model: Model, edits: Sequence[Sequence[Edit]] = ()) -> Adapter:
    """One adapter that does what all of them do together.

    Args:
        edits: those of each adapter, as far as known: they are checked against each other.

    Raises:
        McueditError: one is for another base or given twice, or two of them contradict each other.
    """
    if not adapters:
        raise McueditError("no adapter", "give one or more")
    seen: dict[bytes, Adapter] = {}
    labels: dict[int, str] = {}
    for adapter in adapters:
        check_adapter(adapter, model)
        same = seen.setdefault(encode(adapter, model), adapter)
        if same is not adapter:
            raise McueditError(f"adapters {same.name} and {adapter.name} are one and the same", "give it once")
        for index, label in adapter.labels.items():
            if labels.setdefault(index, label) != label:
                raise McueditError(
                    f"class {index} is named {labels[index]!r} by one adapter and {label!r} by {adapter.name}",
                    "train the second one with --with the first, so that it takes another spare class",
                )
    check_edits(EditSet(tuple(edit for some in edits for edit in some), "the adapters' edits"))
    first = adapters[0]
    deltas = tuple(delta for adapter in adapters for delta in adapter.deltas)
    return Adapter(first.name, first.version, first.base_sha256, deltas, labels, output=model.output_name)


def package_name(adapters: Sequence[Adapter]) -> str:
    """A name for a package of these adapters, from theirs.

    Raises:
        McueditError: theirs give none that fits.
    """
    parts = (re.sub(r"[^a-z0-9._-]+", "-", adapter.name.lower()).strip("-") for adapter in adapters)
    name = "-".join(parts)
    check_name(name)
    return name
