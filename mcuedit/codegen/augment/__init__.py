# SPDX-License-Identifier: Apache-2.0
"""A base and its adapters as one .tflite of builtin ops, which every stock runtime runs.

`extend` writes it, `read` knows it again, and `base_of` gives the base back, byte for byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mcuedit._util.errors import McueditError
from mcuedit.adapter.delta import Adapter, check_adapter
from mcuedit.codegen.augment.chained import chained
from mcuedit.codegen.augment.graft import ALIGN, Graft
from mcuedit.codegen.augment.mark import KEY, mark
from mcuedit.codegen.augment.mark import Mark as Mark
from mcuedit.codegen.augment.mark import base_of as base_of
from mcuedit.codegen.augment.mark import read as read
from mcuedit.codegen.augment.ops import allowed as allowed
from mcuedit.codegen.augment.ops import missing
from mcuedit.codegen.augment.slots import Given, slotted
from mcuedit.codegen.augment.widened import widened
from mcuedit.codegen.tflm_arena import arena_size
from mcuedit.model.tflite import Model, parse

CHAINED, WIDENED, INPUTS, AUTO = "chained", "widened", "inputs", "auto"
FORMS = (CHAINED, WIDENED, INPUTS)
_CHEAPEST = (WIDENED, CHAINED)  # by instructions
_OTHER_OPS = "let edits act without a condition, or add the ops to the firmware"


@dataclass(frozen=True)
class Extended:
    """A file with adapters in it.

    Attributes:
        form: of FORMS.
        kinds: of the added ops, in the order in which they were added.
        all_kinds: of every op that a runtime needs for subgraph 0.
        arena, base_arena: bytes that TensorFlow Lite Micro's arena takes at most on a 32-bit core, for the file and for
            the base; a host may take more.
        given: of the form inputs: the new inputs, and what they are to be given.
        notes: why a form that AUTO would have preferred is not the one.
    """

    data: bytes
    form: str
    kinds: tuple[str, ...]
    all_kinds: tuple[str, ...]
    arena: int
    base_arena: int
    given: tuple[Given, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Limits:
    """What the firmware gives; None: as much as is asked for.

    Attributes:
        ops: kinds of ops it has, and how they are called in messages.
        arena, size: bytes of the arena, and of the file.
    """

    ops: frozenset[str] | None = None
    name: str = "the firmware"
    arena: int | None = None
    size: int | None = None

    def check(self, made: Extended) -> None:
        """Raises McueditError where a file asks for more."""
        if self.ops is not None and (lacking := missing(made.all_kinds, self.ops)):
            own = missing(set(made.all_kinds) - set(made.kinds), self.ops)
            what = f"{self.name} has no {', '.join(own or lacking)}"
            if own:
                raise McueditError(
                    f"{what}, which the base itself needs", "add the ops to the firmware, or to the list"
                )
            raise McueditError(f"the form {made.form} needs {', '.join(lacking)}: {what}", _OTHER_OPS)
        for what, has, limit in ("arena", made.arena, self.arena), ("file", len(made.data), self.size):
            if limit is not None and has > limit:
                raise McueditError(
                    f"the form {made.form} takes {what} of {has:,} bytes, at most {limit:,} are there",
                    "put fewer adapters into one file, or train with a lower rank",
                )


NO_LIMITS = Limits()


def extend(model: Model, adapters: Sequence[Adapter], form: str = AUTO, limits: Limits = NO_LIMITS) -> Extended:
    """The base's file with adapters in it.

    Args:
        form: of FORMS, or AUTO: the first of widened and chained that expresses them within the limits.

    Raises:
        McueditError: an adapter does not fit the base, the form cannot express it, or takes more than the firmware has.
    """
    if not adapters:
        raise McueditError("no adapters to put into the file", "give at least one")
    if model.is_compiled:
        raise McueditError(
            "what Vela compiled cannot be extended", "extend the .tflite that Vela read, then compile it"
        )
    for adapter in adapters:
        check_adapter(adapter, model)
    if form != AUTO:
        return _extended(model, adapters, form, limits)
    notes: list[str] = []
    for tried in _CHEAPEST:
        try:
            return replace(_extended(model, adapters, tried, limits), notes=tuple(notes))
        except McueditError as error:
            notes.append(error.message)
    raise McueditError("; ".join(notes), "put fewer adapters into one file, or give the firmware more")


def _extended(model: Model, adapters: Sequence[Adapter], form: str, limits: Limits) -> Extended:
    graft = Graft(model)
    deltas = [delta for adapter in adapters for delta in adapter.deltas]
    given: tuple[Given, ...] = ()
    if form == INPUTS:
        given = tuple(slotted(graft, adapters))
    else:
        {CHAINED: chained, WIDENED: widened}[form](graft, deltas)
    labels = {str(k): v for adapter in adapters for k, v in sorted(adapter.labels.items())}
    fixed = Graft(model)
    if given:  # what a runtime needs apart from the inputs themselves
        slotted(fixed, adapters, fixed=True)
    data = graft.pack({KEY: mark(model, adapters, form, **({"labels": labels} if labels else {})).packed()})
    kinds = tuple(graft.kinds)
    used = tuple(sorted({op.kind for op in model.ops}.union(kinds)))
    made = Extended(data, form, kinds, used, _arena(fixed.pack({}) if given else data, given), arena_size(model), given)
    limits.check(made)
    return made


def _arena(data: bytes, given: Sequence[Given]) -> int:
    """Bytes of an arena that suffice for a file, beside what inputs take that the file holds as constants."""
    return arena_size(parse(data, "the extended file")) + sum(
        -(-one.values[0].nbytes // ALIGN) * ALIGN for one in given
    )
