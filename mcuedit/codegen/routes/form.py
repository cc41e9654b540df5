# SPDX-License-Identifier: Apache-2.0
"""What a file of routes may hold, and the table that it makes of adapters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from mcuedit._util import schema
from mcuedit._util.errors import McueditError
from mcuedit.adapter.delta import Adapter
from mcuedit.adapter.encoding import encode
from mcuedit.codegen.names import base_names
from mcuedit.codegen.routes.table import Route, Routes, rank
from mcuedit.model.tflite import Model

EXAMPLE = "docs/spec/routes.md"
_U32 = (1 << 32) - 1
_PLACES = 255  # mcuedit_cache_config.place_count is a byte
_SLOTS = 0xFFFF  # mcuedit_slots.count
_H = 0xFFFF  # factors that a context has room for
_LARGEST = 4 * 0xFFFF  # of an adapter, in bytes

Word = Annotated[int, Field(ge=0, le=_U32, multiple_of=4)]
Names = list[Annotated[str, Field(min_length=1)]]


class _Slots(schema.Form):
    origin: Word = 0
    page: Annotated[Word, Field(gt=0)] = 4
    size: Annotated[Word, Field(ge=20, le=_LARGEST)] | None = None


class _Cache(schema.Form):
    places: Annotated[int, Field(ge=1, le=_PLACES)] | None = None


class _Context(schema.Form):
    id: Annotated[int, Field(ge=0, le=_U32)]
    adapters: Names


class _File(schema.Form):
    default: Names
    contexts: dict[str, _Context]
    slots: _Slots = _Slots()
    cache: _Cache = _Cache()

    @model_validator(mode="after")
    def _check(self) -> Self:
        schema.check(self._twice())
        return self

    def _twice(self) -> Iterator[tuple[str, str]]:
        ids = Counter(context.id for context in self.contexts.values())
        symbols = Counter(base_names(name).symbol for name in self.contexts)
        for name, context in self.contexts.items():
            if ids[context.id] > 1:
                yield f"contexts.{name}.id", f"each id once, {context.id} stands there {ids[context.id]} times"
            if symbols[base_names(name).symbol] > 1:
                yield f"contexts.{name}", f"names that differ in C, {base_names(name).symbol} is there twice"
        for key, names in self.routes():
            for name, count in Counter(names).items():
                if count > 1:
                    yield key, f"each adapter once, {name} stands there {count} times"

    def routes(self) -> Iterator[tuple[str, Names]]:
        """Each list of adapters, with its key."""
        yield "default", self.default
        for name, context in self.contexts.items():
            yield f"contexts.{name}.adapters", context.adapters


def read_routes(path: Path, adapters: Sequence[Adapter], model: Model) -> Routes:
    """The routes of a file, and the slots that the adapters get: in their order.

    Raises:
        McueditError: names every key that is not as expected; two adapters have one name; adapters of one route
            contradict each other; or an adapter does not fit the model or a slot.
    """
    given = schema.read_toml(path, _File, EXAMPLE)
    slots = _slots(adapters)
    faults = schema.Faults(f"one of the adapters given: {', '.join(slots)}")
    for key, names in given.routes():
        for name in names:
            if name not in slots:
                faults.add(str(path), f"key {key}: no adapter is called {name!r}")
    faults.raise_any()
    for key, names in given.routes():
        _check_route(f"{path}: key {key}", [adapters[slots[name]] for name in names])
    raws = [encode(adapter, model) for adapter in adapters]
    size = given.slots.size or max(map(len, raws))
    for adapter, raw in zip(adapters, raws, strict=True):
        if len(raw) > size:
            raise McueditError(
                f"{path}: adapter {adapter.name} has {len(raw)} bytes, a slot {size}",
                f"slots.size = {max(map(len, raws))} or more",
            )
    pitch = -(-size // given.slots.page) * given.slots.page
    if given.slots.origin + pitch * len(raws) > 1 << 32:
        raise McueditError(f"{path}: the slots end beyond 32 bits of offset", "a lower slots.origin")
    most = max(1, *(len(names) for _, names in given.routes()))
    places = given.cache.places or most
    if places < most:
        raise McueditError(f"{path}: {places} places, a route has {most} adapters", f"cache.places = {most} or more")
    return Routes(
        adapters=tuple(adapters),
        raws=tuple(raws),
        routes=tuple(
            Route(name, context.id, _numbers(context.adapters, slots))
            for name, context in sorted(given.contexts.items(), key=lambda item: item[1].id)
        ),
        otherwise=_numbers(given.default, slots),
        origin=given.slots.origin,
        pitch=pitch,
        size=size,
        places=places,
    )


def _slots(adapters: Sequence[Adapter]) -> dict[str, int]:
    """Number of each adapter's slot, by its name."""
    if not 0 < len(adapters) <= _SLOTS:
        raise McueditError(f"{len(adapters)} adapters for a table of routes", f"give 1 to {_SLOTS:,}")
    for name, count in Counter(adapter.name for adapter in adapters).items():
        if count > 1:
            raise McueditError(f"{count} adapters are called {name!r}", "a route names them: rename all but one")
    return {adapter.name: i for i, adapter in enumerate(adapters)}


def _numbers(names: Names, slots: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(sorted(slots[name] for name in names))


def _check_route(where: str, adapters: Sequence[Adapter]) -> None:
    """That a device can have them active together."""
    if len(adapters) > _PLACES:
        raise McueditError(f"{where}: {len(adapters)} adapters, at most {_PLACES} are active at once", "leave some out")
    if (factors := sum(rank(adapter) for adapter in adapters)) > _H:
        raise McueditError(f"{where}: {factors:,} factors, a context has room for {_H:,}", "leave some adapters out")
    named: dict[int, tuple[str, str]] = {}
    for adapter in adapters:
        for index, label in adapter.labels.items():
            other, name = named.setdefault(index, (adapter.name, label))
            if name != label:
                raise McueditError(
                    f"{where}: class {index} is named {name!r} by {other} and {label!r} by {adapter.name}",
                    "train one with --with the other, so that it takes another spare class",
                )
