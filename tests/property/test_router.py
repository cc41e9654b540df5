# SPDX-License-Identifier: Apache-2.0
"""Random routes, contexts, cache sizes and failing reads: the bytes of a mapped run, or those of the base."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from helpers import tiny
from helpers.deltas import adapter, delta
from helpers.native import Native
from helpers.routing import Flash, Router, Slots, image
from hypothesis import given, settings
from hypothesis import strategies as st

from mcuedit.adapter.encoding import encode
from mcuedit.model.bundle import Base
from mcuedit.model.tflite import parse

COUNT = 6
FAULTS = ("", "", "", "error", "short", "silent", "nothing")

Step = tuple[int, str, int]  # context, fault, reads that succeed before it


@pytest.fixture(scope="module")
def nets(tmp_path_factory: pytest.TempPathFactory) -> tuple[Native, Native]:
    """The same base twice: behind a reader, and with mapped flash."""
    base = Base("net", parse(tiny.classifier((24, 16, 11, 7)), "net"))
    behind, mapped = (Native(base, tmp_path_factory.mktemp(name), "route") for name in ("behind", "mapped"))
    return behind, mapped


@pytest.fixture(scope="module")
def raws(nets: tuple[Native, Native]) -> list[bytes]:
    """Of many sizes and kinds."""
    model = nets[0].model
    made = [
        adapter(
            model,
            *(
                delta(
                    model,
                    (i + k) % 3,
                    2,
                    rank=1 + i % 3,
                    bits=(4, 8)[i % 2],
                    gated=i % 4 == 3,
                    rows=(None, 2)[k % 2],
                    seed=10 * i + k,
                )
                for k in sorted(range(1 + i % 2), key=lambda k: (i + k) % 3)
            ),
            name=f"a{i}",
        )
        for i in range(COUNT)
    ]
    return [encode(one, model) for one in made]


class Model:
    """What a cache holds: the slot used last comes first."""

    def __init__(self, places: int) -> None:
        self.order: list[int] = []
        self.places = places

    def use(self, slot: int) -> None:
        if slot in self.order:
            self.order.remove(slot)
        self.order.insert(0, slot)

    def take(self, route: Sequence[int], broken_after: int | None) -> int:
        """Misses. The reader fails in the miss that has its read number `broken_after`; there are two in each."""
        missing = [slot for slot in route if slot not in self.order]
        for slot in route:
            if slot in self.order:
                self.use(slot)
        for i, slot in enumerate(missing):
            del self.order[self.places - 1 :]
            if broken_after is not None and broken_after < 2 * (i + 1):
                return i + 1
            self.use(slot)
        return len(missing)


routes = st.lists(st.integers(0, COUNT - 1), max_size=3, unique=True).map(sorted)
steps = st.lists(st.tuples(st.integers(0, 5), st.sampled_from(FAULTS), st.integers(0, 3)), min_size=20, max_size=40)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.integers(0, 4), routes, min_size=3), routes, st.integers(0, 2), steps)
def test_a_router_behind_a_reader_answers_as_with_mapped_flash(
    nets: tuple[Native, Native],
    raws: list[bytes],
    table: dict[int, list[int]],
    otherwise: list[int],
    spare: int,
    sequence: list[Step],
) -> None:
    table = dict(sorted(table.items()))
    places = max(1, *map(len, [otherwise, *table.values()])) + spare
    size = max(map(len, raws))
    content = image(raws, size, 512, 64)
    behind = Router(nets[0], Flash(content), Slots(64, 512, size, COUNT), table, otherwise, places=places)
    mapped = Router(nets[1], Flash(content), Slots(64, 512, size, COUNT), table, otherwise, places=places, mapped=True)
    assert behind.error == mapped.error == "OK"
    x = np.random.default_rng(len(sequence)).integers(-128, 128, (2, 24)).astype(np.int8)
    model, now = Model(places), list[int | None]()
    for number, fault, after in sequence:
        route = number if number in table else None
        behind.flash.fault, behind.flash.after = fault, after
        before = behind.cache.misses
        verdict = behind.switch(number)
        struck, failed = behind.flash.fault != fault, verdict != "OK"
        assert failed <= struck
        assert failed or not struck or fault in ("silent", "nothing")  # and what was there before is what belongs there
        misses = 0 if now == [route] else model.take(table.get(number, otherwise), after if failed else None)
        assert behind.cache.misses - before == misses
        now = [] if failed else [route]
        assert mapped.switch(number) == "OK"
        wanted = nets[1].infer(x, active=not failed)[0]
        np.testing.assert_array_equal(nets[0].infer(x)[0], wanted)
        assert behind.guards_hold()
    assert not mapped.flash.reads
