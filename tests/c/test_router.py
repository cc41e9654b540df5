# SPDX-License-Identifier: Apache-2.0
"""Adapters behind a reader: what is read, what is kept, what is refused, and what the base answers meanwhile."""

from __future__ import annotations

import ctypes
import struct
import zlib
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from helpers import tiny
from helpers.deltas import adapter, delta
from helpers.native import Native, reference
from helpers.routing import Flash, Router, Slots, image

from mcuedit.adapter.delta import Adapter
from mcuedit.adapter.encoding import encode
from mcuedit.model.bundle import Base
from mcuedit.model.tflite import Model, parse

SLOT, PITCH, ORIGIN = 256, 512, 1024
HEADER = 20
COUNT = 5


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Native:
    base = Base("net", parse(tiny.classifier((24, 16, 11, 7)), "net"))
    return Native(base, tmp_path_factory.mktemp("routed"), "route")


@pytest.fixture(autouse=True)
def _empty_stack(net: Native) -> Iterator[None]:
    yield
    net.activate([])


def made(model: Model) -> list[Adapter]:
    """Each changes many outputs in a way of its own."""
    return [adapter(model, delta(model, i % 3, 2, gated=False, rows=None, seed=i), name=f"a{i}") for i in range(COUNT)]


@pytest.fixture
def flash(net: Native) -> Flash:
    return Flash(image([encode(one, net.model) for one in made(net.model)], SLOT, PITCH, ORIGIN))


def slots(count: int = COUNT, **other: int) -> Slots:
    return Slots(other.get("origin", ORIGIN), other.get("pitch", PITCH), other.get("size", SLOT), count)


def x() -> np.ndarray:
    return np.random.default_rng(5).integers(-128, 128, (40, 24)).astype(np.int8)


def outputs(net: Native, chosen: Sequence[int]) -> np.ndarray:
    """By the numpy arithmetic."""
    adapters = made(net.model)
    y = reference(net.model, [adapters[i] for i in chosen], x())
    return y[net.model.outputs[0]].reshape(len(x()), -1)


TABLE = {1: [0], 3: [1, 2], 7: [2], 900_000: [0, 3]}


def test_a_context_runs_with_the_adapters_of_its_route(net: Native, flash: Flash) -> None:
    router = Router(net, flash, slots(), TABLE, otherwise=[4])
    assert router.error == "OK"
    np.testing.assert_array_equal(net.infer(x())[0], outputs(net, []))  # nothing was switched to
    for number, chosen in [*TABLE.items(), (0, [4]), (2, [4]), (0xFFFFFFFF, [4]), (1, [0])]:
        assert router.switch(number) == "OK"
        np.testing.assert_array_equal(net.infer(x())[0], outputs(net, chosen))
    assert router.guards_hold()


def test_a_context_that_is_unknown_can_be_the_base_alone(net: Native, flash: Flash) -> None:
    router = Router(net, flash, slots(), TABLE)
    for number, chosen in ((1, [0]), (2, [])):
        assert router.switch(number) == "OK"
        np.testing.assert_array_equal(net.infer(x())[0], outputs(net, chosen))


def test_what_was_used_last_is_not_read_again(net: Native, flash: Flash) -> None:
    """Of three places the one given away is the one that was used least recently."""
    router = Router(net, flash, slots(), {i: [i] for i in range(COUNT)}, places=3)
    sizes = [len(encode(one, net.model)) for one in made(net.model)]
    for number, read in [(0, 1), (1, 1), (2, 1), (0, 0), (3, 1), (0, 0), (2, 0), (1, 1), (3, 1), (2, 0)]:
        flash.reads.clear()
        assert router.switch(number) == "OK"
        at = ORIGIN + PITCH * number
        assert flash.reads == [(at, HEADER), (at + HEADER, sizes[number] - HEADER)] * read, number
    assert (router.cache.hits, router.cache.misses) == (4, 6)


def test_a_route_keeps_what_it_shares_with_the_one_before(net: Native, flash: Flash) -> None:
    """The one it shares was used least recently, and another of it is not there."""
    router = Router(net, flash, slots(), {0: [0, 1], 1: [1, 2], 2: [0, 2]}, places=2)
    for number, misses in ((0, 2), (1, 3), (2, 4), (1, 5), (0, 6)):
        assert router.switch(number) == "OK"
        assert router.cache.misses == misses
        np.testing.assert_array_equal(net.infer(x())[0], outputs(net, [[0, 1], [1, 2], [0, 2]][number]))


def test_a_switch_to_where_one_is_does_nothing(net: Native, flash: Flash) -> None:
    router = Router(net, flash, slots(), TABLE, otherwise=[4])
    assert [router.switch(number) for number in (3, 3, 50, 51)] == ["OK"] * 4
    assert (router.cache.hits, router.cache.misses) == (0, 3)


@pytest.mark.parametrize("fault", ["error", "short", "silent", "nothing"])
@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_a_reader_that_fails_leaves_the_outputs_of_the_base(net: Native, flash: Flash, fault: str, after: int) -> None:
    """In the first or the second adapter, in its header or the rest of it; every place held another one before."""
    router = Router(net, flash, slots(), {0: [3, 4], 3: [1, 2]})
    assert router.switch(0) == "OK"
    flash.fault, flash.after = fault, after
    error = router.switch(3)
    assert error == "E_FLASH" if fault in ("error", "short") else error in ("E_MAGIC", "E_CRC", "E_BASE")
    np.testing.assert_array_equal(net.infer(x())[0], outputs(net, []))
    assert router.switch(3) == "OK"  # it tries again
    np.testing.assert_array_equal(net.infer(x())[0], outputs(net, [1, 2]))
    assert router.guards_hold()


def test_a_reader_that_never_reads_and_never_says_so_puts_no_other_adapter_in_force(net: Native, flash: Flash) -> None:
    """What the places hold are whole adapters of other slots."""
    router = Router(net, flash, slots(), {0: [3, 4], 3: [1, 2]})
    assert router.switch(0) == "OK"
    flash.fault, flash.lasting = "nothing", True
    assert router.switch(3) == "E_MAGIC"
    np.testing.assert_array_equal(net.infer(x())[0], outputs(net, []))


@pytest.mark.parametrize("after", [0, 1])
def test_what_a_failing_read_was_to_replace_is_read_again(net: Native, flash: Flash, after: int) -> None:
    router = Router(net, flash, slots(), {0: [3], 3: [1]}, places=1)
    assert router.switch(0) == "OK"
    flash.fault, flash.after = "error", after
    assert router.switch(3) == "E_FLASH"
    assert router.switch(0) == "OK"
    assert router.cache.misses == 3
    np.testing.assert_array_equal(net.infer(x())[0], outputs(net, [3]))


def sealed(raw: bytes) -> bytes:
    """With the CRC of what it is now."""
    crc = zlib.crc32(raw[HEADER:], zlib.crc32(raw[:16]))
    return raw[:16] + struct.pack("<I", crc) + raw[HEADER:]


@pytest.mark.parametrize("sealing", [False, True])
def test_an_adapter_behind_the_reader_is_checked_as_a_mapped_one(net: Native, sealing: bool) -> None:
    """Each of its bytes changed: the same verdict, and no other outputs than those of the base."""
    raw = encode(made(net.model)[0], net.model)
    unlike = 0
    for i in range(len(raw)):
        changed = bytes([*raw[:i], raw[i] ^ 0x41, *raw[i + 1 :]])
        changed = sealed(changed) if sealing else changed
        router = Router(net, Flash(image([changed], SLOT, SLOT)), slots(1, origin=0, pitch=SLOT), {1: [0]}, places=1)
        verdict = router.switch(1)
        if (stated := net.stated_size(changed)) != len(raw):  # the reader has no other size to go by
            assert verdict == ("E_MAGIC" if stated == 0 else "E_SIZE" if stated > SLOT or stated < HEADER else "E_CRC")
        else:
            assert verdict == net.open(changed)[0], i
        unlike += verdict != "OK"
        if verdict != "OK":
            np.testing.assert_array_equal(net.infer(x()[:1])[0], outputs(net, [])[:1])
    assert unlike == len(raw) if not sealing else 0 < unlike < len(raw)


def test_nothing_is_read_beyond_a_slot(net: Native, flash: Flash) -> None:
    """Whatever an adapter states of its size."""
    flash.content[ORIGIN + 6 : ORIGIN + 8] = b"\xff\xff"
    router = Router(net, flash, slots(), TABLE)
    assert router.switch(1) == "E_SIZE"
    assert flash.reads == [(ORIGIN, HEADER)]
    assert router.guards_hold()


@pytest.mark.parametrize("mapped", [False, True])
def test_a_slot_as_large_as_its_adapter_is_used_to_the_last_byte(net: Native, mapped: bool) -> None:
    raws = [encode(one, net.model) for one in made(net.model)]
    size = max(map(len, raws))
    router = Router(
        net, Flash(image(raws, size, size)), slots(origin=0, pitch=size, size=size), TABLE, [4], mapped=mapped
    )
    for number, chosen in [*TABLE.items(), (0, [4])]:
        assert router.switch(number) == "OK"
        np.testing.assert_array_equal(net.infer(x())[0], outputs(net, chosen))
    assert router.guards_hold()
    assert bool(router.flash.reads) != mapped


def test_a_slot_that_was_written_anew_is_read_again_after_init(net: Native, flash: Flash) -> None:
    """With an adapter of another size, without another table."""
    old, new = (encode(made(net.model)[i], net.model) for i in (0, 1))
    assert len(old) != len(new)
    first = Router(net, flash, slots(), TABLE)
    assert first.switch(1) == "OK"
    flash.content[ORIGIN : ORIGIN + SLOT] = new.ljust(SLOT, b"\xff")
    second = Router(net, flash, slots(), TABLE)
    assert second.switch(1) == "OK"
    np.testing.assert_array_equal(net.infer(x())[0], outputs(net, [1]))


def test_a_smaller_cache_is_refused_and_what_is_needed_is_told(net: Native, flash: Flash) -> None:
    router = Router(net, flash, slots(), TABLE, places=1)
    assert router.error == "E_CAPACITY"
    assert router.needed() == 2
    needed = router.needed() * SLOT
    assert Router(net, flash, slots(), TABLE, room=needed - 1).error == "E_CAPACITY"
    enough = Router(net, flash, slots(), TABLE, room=needed)
    assert enough.error == "OK"
    assert Router(net, flash, slots(), {}, places=1).needed() == 1
    assert Router(net, flash, slots(), TABLE, [0, 1, 2], places=3).needed() == 3
    place = ctypes.c_uint32.in_dll(net.lib, "shim_cache_place_size").value
    ram = net.lib.shim_cache_ram
    assert (
        enough.ram()
        == ram(2, SLOT)
        == 2 * (place + ctypes.sizeof(ctypes.c_void_p) + SLOT) + ctypes.sizeof(enough.cache)
    )


@pytest.mark.parametrize(
    ("table", "otherwise", "wrong"),
    [
        ([(3, [0]), (1, [1])], [], {}),
        ([(1, [0]), (1, [1])], [], {}),
        ([(1, [1, 0])], [], {}),
        ([(1, [1, 1])], [], {}),
        ([(1, [COUNT])], [], {}),
        ([(1, [0])], [COUNT], {}),
        ([(1, [0])], [], {"size": SLOT + 2}),
        ([(1, [0])], [], {"size": 16}),
        ([(1, [0])], [], {"pitch": SLOT - 4}),
    ],
)
def test_tables_that_are_none_are_refused(
    net: Native, flash: Flash, table: list[tuple[int, list[int]]], otherwise: list[int], wrong: dict[str, int]
) -> None:
    assert Router(net, flash, slots(**wrong), table, otherwise).error == "E_FIELD"


def test_memory_that_is_not_at_a_word_is_refused(net: Native, flash: Flash) -> None:
    assert Router(net, flash, slots(), TABLE, skew=2).error == "E_ALIGN"
    assert Router(net, flash, slots(origin=2), TABLE, mapped=True).error == "E_ALIGN"
    assert Router(net, flash, slots(pitch=SLOT + 2), TABLE, mapped=True).error == "E_ALIGN"


def test_adapters_that_do_not_go_together_are_refused_and_the_base_answers(net: Native) -> None:
    model = net.model
    both = [adapter(model, delta(model, 1, 2, seed=i), name=f"n{i}", labels={6: f"name {i}"}) for i in range(2)]
    flash = Flash(image([encode(one, model) for one in both], SLOT, SLOT))
    router = Router(net, flash, slots(2, origin=0, pitch=SLOT), {1: [0], 2: [0, 1]})
    assert router.switch(1) == "OK"
    assert net.label(6) == "name 0"
    assert router.switch(2) == "E_LABEL"
    assert net.label(6) is None
    np.testing.assert_array_equal(net.infer(x())[0], outputs(net, []))
