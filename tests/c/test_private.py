# SPDX-License-Identifier: Apache-2.0
"""Private training: C against numpy, the end of a schedule, and an attack that noise and clipping must withstand."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from math import exp, sqrt
from pathlib import Path

import numpy as np
import pytest
from helpers.deltas import adapter
from helpers.native import WARNINGS, includes, link, source
from helpers.private_case import CLASSES, Twin, examples, frozen
from helpers.tiny import classifier

from mcuedit import privacy
from mcuedit.adapter.delta import Adapter, Delta
from mcuedit.adapter.encoding import encode
from mcuedit.model.tflite import Model, parse
from mcuedit.training.factors.frozen_a import MARGIN, Masters
from mcuedit.training.methods.private import FASTEST, Examples, clipped_sum, units_sum

STATE = -20
SCHEDULE = privacy.Schedule(60, 50, 20, 0.5)
CORE = "argmax crc32 delta dot federate privacy window".split()
DRAW = ctypes.CFUNCTYPE(ctypes.c_uint32, ctypes.c_void_p)


class _Random(ctypes.Structure):
    _fields_ = (("context", ctypes.c_void_p), ("draw", DRAW))


class _Schedule(ctypes.Structure):
    _fields_ = (
        ("random", ctypes.POINTER(_Random)),
        ("rate", ctypes.c_uint32),
        ("sigma", ctypes.c_uint16),
        ("clip", ctypes.c_uint16),
        ("steps", ctypes.c_uint16),
    )


class _Adapter(ctypes.Structure):
    """mcuedit_adapter; its `deltas` is all that training reads."""

    _fields_ = (("base", ctypes.c_void_p), ("deltas", ctypes.c_void_p), ("rest", ctypes.c_void_p * 8))


class Device:
    """The C side: one delta, a schedule, random bits."""

    def __init__(
        self, lib: ctypes.CDLL, made: Adapter, model: Model, schedule: privacy.Schedule, draw: privacy.Random
    ) -> None:
        self.lib = lib
        self.bits = _Random(None, DRAW(lambda context: draw()))
        self.schedule = _Schedule(ctypes.pointer(self.bits), schedule.q, schedule.sigma, schedule.clip, schedule.steps)
        self.bytes = ctypes.create_string_buffer(encode(made, model))
        self.adapter = _Adapter(None, ctypes.addressof(self.bytes) + 20)  # behind the header
        shape = made.deltas[0].b.shape
        self.own, self.sum, self.masters = (np.zeros(shape, np.int32) for _ in range(3))
        self.b = np.zeros(shape, np.int8)

    def sampled(self) -> bool:
        return bool(self.lib.mcuedit_sampled(self.schedule.random, ctypes.c_uint32(self.schedule.rate)))

    def example(self, h: np.ndarray, logits: np.ndarray, wanted: int) -> int:
        h, logits = h.astype(np.int8), logits.astype(np.int8)
        at = (ctypes.byref(self.schedule), ctypes.byref(self.adapter), _p(h), _p(logits), CLASSES, wanted)
        return int(self.lib.mcuedit_private_example(*at, _p(self.own), _p(self.sum)))

    def wording(self, h: np.ndarray, logits: np.ndarray, wanted: int) -> int:
        h, logits = h.astype(np.int8), logits.astype(np.int8)
        at = (ctypes.byref(self.adapter), _p(h), _p(logits), CLASSES, wanted, MARGIN)
        return int(self.lib.mcuedit_federate_example(*at, _p(self.own)))

    def unit(self) -> None:
        self.lib.mcuedit_private_unit(ctypes.byref(self.schedule), self.b.size, _p(self.own), _p(self.sum))

    def keep(self, h: np.ndarray, logits: np.ndarray, answer: int) -> int:
        h, logits = h.astype(np.int8), logits.astype(np.int8)
        at = (ctypes.byref(self.adapter), _p(h), _p(logits), CLASSES, answer, _p(self.sum))
        return int(self.lib.mcuedit_private_keep(*at))

    def step(self, number: int) -> int:
        at = (ctypes.byref(self.schedule), number, self.b.size, _p(self.sum), _p(self.masters), _p(self.b))
        return int(self.lib.mcuedit_private_step(*at))


def _p(array: np.ndarray) -> ctypes.c_void_p:
    return array.ctypes.data_as(ctypes.c_void_p)


def _build(folder: Path, change: Callable[[str], str] = lambda text: text) -> ctypes.CDLL:
    """The core as a library, its private.c changed."""
    changed = folder / "private.c"
    changed.write_text(change(source("private").read_text()))
    others = [source(name) for name in CORE]
    flags = [*WARNINGS, "-O1", "-shared", "-fPIC", *includes()]
    lib = ctypes.CDLL(str(link(folder, [changed, *others], *flags, output="private.so")))
    lib.mcuedit_sampled.restype = ctypes.c_bool
    return lib


@pytest.fixture(scope="module")
def lib(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return _build(tmp_path_factory.mktemp("private"))


@pytest.fixture(scope="module")
def model() -> Model:
    return parse(classifier((24, 16, CLASSES)), "tiny")


@pytest.fixture(params=[[0, 3, 4, 9], None], ids=["four rows", "all rows"])
def start(request: pytest.FixtureRequest, model: Model) -> Delta:
    return frozen(model, request.param)


def test_training_equals_the_twins(lib: ctypes.CDLL, model: Model, start: Delta) -> None:
    device = Device(lib, adapter(model, start), model, SCHEDULE, privacy.seeded(7))
    twin = Twin(start, examples(1, 30), examples(2, 40), SCHEDULE, privacy.seeded(7))
    assert lib.mcuedit_private_check(ctypes.byref(device.schedule)) == 0
    for number in range(SCHEDULE.steps):
        hidden, public = twin.logits()
        taken = [device.sampled() for _ in hidden]
        for i in np.flatnonzero(taken):
            assert device.example(twin.hidden.h[i], hidden[i], int(twin.hidden.wanted[i])) in (0, 1)
        for h, logits, answer in zip(twin.public.h, public, twin.public.wanted, strict=True):
            assert device.keep(h, logits, int(answer)) in (0, 1)
        total = device.sum.copy()
        assert device.step(number) == 0
        twin.step()
        assert taken == twin.taken.tolist()
        assert (total == twin.total).all()
        assert device.masters.tolist() == twin.masters.masters.tolist()
        assert device.b.tobytes() == twin.delta.b.tobytes()
        assert not device.sum.any()
    assert np.abs(device.b).max() > 20


def test_a_schedule_ends(lib: ctypes.CDLL, model: Model, start: Delta) -> None:
    device = Device(lib, adapter(model, start), model, SCHEDULE, privacy.seeded(7))
    device.sum[:] = 5
    assert device.step(SCHEDULE.steps) == STATE
    assert (device.sum == 5).all()
    assert not device.masters.any()


@pytest.mark.parametrize(
    ("field", "value"), [("sigma", 0), ("sigma", 4097), ("clip", 0), ("clip", 32768), ("steps", 0)]
)
def test_impossible_schedules_are_refused(lib: ctypes.CDLL, model: Model, start: Delta, field: str, value: int) -> None:
    device = Device(lib, adapter(model, start), model, SCHEDULE, privacy.seeded(7))
    setattr(device.schedule, field, value)
    assert lib.mcuedit_private_check(ctypes.byref(device.schedule)) < 0


def test_a_class_that_is_none_is_refused(lib: ctypes.CDLL, model: Model, start: Delta) -> None:
    device, part = Device(lib, adapter(model, start), model, SCHEDULE, privacy.seeded(7)), examples(1, 1)
    assert device.example(part.h[0], part.logits[0], CLASSES) < 0
    assert device.keep(part.h[0], part.logits[0], CLASSES) < 0
    assert not device.sum.any()


# The attack. Somebody who knows everything but whether one example took part looks along its gradient, the direction in
# which it shows most. Its norm is 16 times the clipping norm.

TRIES, SIGMA, CLIP, LEVEL = 500, 32, 16, 1e-3
PLANTED, WANTED = np.array([127, 127, 0, 0, 0, 0]), 3
NO_CLIP = ("mcuedit_clip(own, size, schedule->clip);", "(void)schedule;")
NO_NOISE = ("mcuedit_discrete_gaussian(schedule->random, schedule->sigma)", "0")


@pytest.fixture(scope="module")
def two_rows(model: Model) -> Delta:
    return frozen(model, [0, WANTED])


def _leak(step: Callable[[bool], np.ndarray], group: int = 1) -> float:
    """By how much the best threshold's true positives exceed what (epsilon, delta) allows: 0 or less if private.

    Four standard deviations of the counts are in favour of the mechanism. `group`: units that epsilon is of.
    """
    way = np.concatenate([-PLANTED, PLANTED])  # class 0 is the rival
    seen = [np.array([float(step(there).ravel() @ way) for _ in range(TRIES)]) for there in (True, False)]
    most = exp(privacy.epsilon(privacy.Schedule(SIGMA, CLIP, 1, 1.0), LEVEL, group))
    worst = -1.0
    for threshold in np.quantile(np.concatenate(seen), np.linspace(0.01, 0.99, 99)):
        above = [int((values > threshold).sum()) for values in seen]
        for hits, false in (above, above[::-1], [TRIES - n for n in above], [TRIES - n for n in above[::-1]]):
            least, largest = hits - 4 * sqrt(hits + 4), false + 4 * sqrt(false + 4)
            worst = max(worst, (least - most * largest) / TRIES - LEVEL)
    return worst


def _twin_step(start: Delta, clip: int, noisy: bool) -> Callable[[bool], np.ndarray]:
    masters = Masters(start, 1, FASTEST)
    draws = privacy.discrete_gaussians(privacy.seeded_bits(5), SIGMA, 2 * TRIES * start.b.size)
    noises = iter(draws.reshape(-1, *start.b.shape) * noisy)
    planted = Examples(PLANTED[None], np.full((1, CLASSES), -9, np.int8), np.array([WANTED]))

    def step(there: bool) -> np.ndarray:
        masters.masters[:] = 0
        total = clipped_sum(start, planted, clip) if there else np.zeros(start.b.shape, np.int64)
        masters.step(0, total + next(noises))
        return masters.masters

    return step


def _many_bits(seed: int) -> Iterator[int]:
    rng = np.random.default_rng(seed)
    while True:
        yield from rng.integers(0, 1 << 32, 1 << 14).tolist()


def _c_step(
    lib: ctypes.CDLL, model: Model, start: Delta, wordings: int = 1, unit: str = privacy.PROMPT
) -> Callable[[bool], np.ndarray]:
    schedule = privacy.Schedule(SIGMA, CLIP, 1, 1.0)
    device = Device(lib, adapter(model, start), model, schedule, _many_bits(5).__next__)
    logits = np.full(CLASSES, -9)

    def step(there: bool) -> np.ndarray:
        device.masters[:] = 0
        for _ in range(wordings if there else 0):
            assert (device.wording if unit == privacy.EDIT else device.example)(PLANTED, logits, WANTED) == 1
        if unit == privacy.EDIT:
            device.unit()
            assert not device.own.any()
        assert device.step(0) == 0
        return device.masters

    return step


def test_an_attack_gains_no_more_than_epsilon_allows(lib: ctypes.CDLL, model: Model, two_rows: Delta) -> None:
    assert _leak(_twin_step(two_rows, CLIP, True)) <= 0
    assert _leak(_c_step(lib, model, two_rows)) <= 0


def test_an_edit_shows_as_a_group_of_its_wordings_unless_it_is_clipped_as_one(
    lib: ctypes.CDLL, model: Model, two_rows: Delta
) -> None:
    assert _leak(_c_step(lib, model, two_rows, 4)) > 0.1
    assert _leak(_c_step(lib, model, two_rows, 4), 4) <= 0
    assert _leak(_c_step(lib, model, two_rows, 4, privacy.EDIT)) <= 0


def test_an_edit_is_clipped_as_the_twin_clips_it(lib: ctypes.CDLL, model: Model, start: Delta) -> None:
    device, many = Device(lib, adapter(model, start), model, SCHEDULE, privacy.seeded(7)), examples(1, 30)
    units = [np.arange(0, 9), np.arange(9, 10), np.arange(10, 30)]
    for unit in units:
        for i in unit:
            assert device.wording(many.h[i], many.logits[i], int(many.wanted[i])) in (0, 1)
        device.unit()
    assert (device.sum == units_sum(start, many, units, SCHEDULE.clip)).all()


@pytest.mark.parametrize("removed", [NO_CLIP, NO_NOISE], ids=["no clipping", "no noise"])
def test_the_attack_wins_without(removed: tuple[str, str], model: Model, two_rows: Delta, tmp_path: Path) -> None:
    def change(text: str) -> str:
        assert removed[0] in text
        return text.replace(*removed)

    assert _leak(_c_step(_build(tmp_path, change), model, two_rows)) > 0.3
    clip, noisy = (1000, True) if removed is NO_CLIP else (CLIP, False)
    assert _leak(_twin_step(two_rows, clip, noisy)) > 0.3
