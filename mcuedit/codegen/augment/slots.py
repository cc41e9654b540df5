# SPDX-License-Identifier: Apache-2.0
"""Adapters as inputs of the graph, one at a time: the form `inputs`, in the arithmetic of `chained`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mcuedit._util.errors import McueditError
from mcuedit.adapter.delta import Adapter
from mcuedit.codegen.augment.chained import Place, place_at, put_groups
from mcuedit.codegen.augment.graft import Graft, Sort
from mcuedit.codegen.augment.groups import H_MAX, Group, apart, groups
from mcuedit.model.adaptable import op_geometry

Key = tuple[Any, ...]


@dataclass(frozen=True)
class Given:
    """A new input of the graph.

    Attributes:
        position: among the file's inputs.
        values: what it is to be given for each adapter, and last for none.
    """

    name: str
    position: int
    values: tuple[npt.NDArray[Any], ...]


def slotted(graft: Graft, adapters: Sequence[Adapter], *, fixed: bool = False) -> list[Given]:
    """Adds ops for any one of the adapters, whose factors are inputs; `fixed`: as if they were constants.

    Raises:
        McueditError: a delta has factors of several multipliers.
    """
    given: list[Given] = []
    for target in sorted({delta.target for adapter in adapters for delta in adapter.deltas}):
        n_out = op_geometry(graft.model, target).n_out
        each = [groups(graft.model, [d for d in a.deltas if d.target == target], n_out) for a in adapters]
        listed = [_keyed(target, found) for found in each]
        keys = list(dict.fromkeys(key for one in listed for key in one))
        slots = [_Slot(tuple(one.get(key) for one in listed)) for key in keys]
        if not slots:
            continue
        wholes = [slot.whole() for slot in slots]
        of = {id(whole): i for i, whole in enumerate(wholes)}
        inputs = _Inputs(graft, slots, of, given)
        place = replace(place_at(graft, target, wholes), both=True)
        place = place if fixed else replace(place, factor=inputs)
        put_groups(place, wholes, wide=not all(apart(found) for found in each if found))
    return given


@dataclass(frozen=True)
class _Slot:
    """Groups that take turns: one of each adapter, or none."""

    groups: tuple[Group | None, ...]

    def whole(self) -> Group:
        """A group as large as the largest of them."""
        some = [one for one in self.groups if one is not None]
        first, rank = some[0], max(one.rank for one in some)
        chunk = first.chunks[0]
        inward = replace(chunk.step, most=max(one.chunks[0].step.most for one in some))
        outward = replace(first.step, most=max(one.step.most for one in some))
        empty = replace(chunk, a=_padded(chunk.a, rank, 0), bias=_padded(chunk.bias, rank, 0), step=inward)
        b, mask = _padded(first.b, rank, 1), _padded(first.mask, rank, 1)
        return replace(first, chunks=(empty,), b=b, step=outward, mask=mask)

    def values(self, what: str, rank: int) -> list[npt.NDArray[Any]]:
        """What an input is given for each adapter, and for none."""
        found = [None if one is None else _padded(*_part(one, what, rank)) for one in self.groups]
        like = next(one for one in found if one is not None)
        return [np.zeros_like(like) if one is None else one for one in (*found, None)]


@dataclass
class _Inputs:
    """Makes inputs in place of constants."""

    graft: Graft
    slots: Sequence[_Slot]
    of: dict[int, int]
    given: list[Given]

    def __call__(self, place: Place, group: Group, what: str, values: npt.NDArray[Any], sort: Sort) -> int:
        slot = self.of[id(group)]
        name = f"mcuedit/{place.op.index}/{slot}/{what}"
        made = tuple(one.reshape(values.shape) for one in self.slots[slot].values(what, group.rank))
        self.given.append(Given(name, len(self.graft.model.inputs) + len(self.given), made))
        return self.graft.input(name, values.shape, sort)


def _part(group: Group, what: str, rank: int) -> tuple[npt.NDArray[Any], int, int]:
    """A factor, the length that it is to have, and along which axis."""
    chunk = group.chunks[0]
    parts: dict[str, tuple[npt.NDArray[Any], int]] = {
        "A": (chunk.a, 0),
        "c": (chunk.bias.astype(np.int32), 0),
        "B": (group.b, 1),
        "mask": (np.where(group.mask, H_MAX, 0).astype(np.int8), 1),
    }
    values, axis = parts[what]
    return values, rank, axis


def _padded(values: npt.NDArray[Any], length: int, axis: int) -> npt.NDArray[Any]:
    around = [(0, length - n if i == axis else 0) for i, n in enumerate(values.shape)]
    return np.pad(values, around)


def _keyed(target: int, found: Sequence[Group]) -> dict[Key, Group]:
    """Groups by what an op fixes, and by how many there are alike."""
    made: dict[Key, Group] = {}
    for group in found:
        if len(group.chunks) > 1:
            what = f"op {target}: a delta whose factors have several multipliers is no input"
            raise McueditError(what, "use --augment chained")
        steps = ((s.m, s.s) for s in (group.chunks[0].step, group.step))
        key = (group.tap, group.gated, group.asks, *steps)
        made[(*key, sum(known[:-1] == key for known in made))] = group
    return made
