# SPDX-License-Identifier: Apache-2.0
"""Checkpoints over a strict flash, cut everywhere; and the learner between trainer and store."""

from __future__ import annotations

import ctypes
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers import packages, storage, trainer
from helpers.native import WARNINGS, includes, link
from helpers.store_device import BEFORE, PREFIX, SUFFIX, Device

from mcuedit import codegen
from mcuedit._util import resources
from mcuedit.codegen import TrainSetup
from mcuedit.model.bundle import Base

HERE = Path(__file__).parent
N, CLASSES, WANTED = 8, 6, 5  # of packages.model(): width of the tap, logits
SETUP = TrainSetup(1, 1, replay=8, replay_least=1)
RESUMED, MORE = 1, 1
KEY = 77
RULE = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_uint16)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Store, trainer and learner of a device around the small base."""
    folder = tmp_path_factory.mktemp("learner")
    storage.write_headers(folder)
    base = Base("net", packages.model())
    for name, text in codegen.render_train(base, trainer.statistics(N), SETUP).items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "net.h").write_text('#include "base.h"\n#define net_base checked_base\n', encoding="utf-8")
    firmware = resources.path("firmware")
    files = [*storage.sources(), *sorted((firmware / "train").glob("*.c")), *sorted((firmware / "session").glob("*.c"))]
    files += sorted((firmware / "kernels").glob("*.c"))
    files += [HERE / "learner.c", folder / "net_train.c"]
    arguments = ["-std=gnu99", *WARNINGS[1:], "-O1", "-shared", "-fPIC", *includes(), f"-I{storage.POWERLOSS}", "-I."]
    return link(folder, files, *arguments, output="learner.so")


class Learner(Device):
    """A factory-new device that learns."""

    def __init__(self, library: Path, unit: int = 8, page: int = 1024) -> None:
        super().__init__(library)
        for name in ("learner_checkpoint", "learner_it", "learner_bytes"):
            getattr(self.lib, name).restype = ctypes.c_void_p
        self.lib.learner_flash(unit, page)
        self.checkpoint = ctypes.c_void_p(self.lib.learner_checkpoint())
        self.size = ctypes.c_uint32.in_dll(self.lib, "learner_workspace").value
        self.lib.device_set(0, 1, 0)
        assert self.boot() == "OK"

    def code(self, code: int) -> str | int:
        return self.name(code) if code < 0 else code

    def save(self, data: bytes, key: int = KEY, tag: int = 0) -> str | int:
        return self.code(self.lib.mcuedit_checkpoint_save(self.checkpoint, key, tag, data, len(data)))

    def load(self, size: int, key: int = KEY) -> tuple[bytes, int] | None:
        room, tag = ctypes.create_string_buffer(size), ctypes.c_uint32()
        found = self.lib.mcuedit_checkpoint_load(self.checkpoint, key, ctypes.byref(tag), room, size)
        return (room.raw, tag.value) if found else None

    def clear(self) -> str | int:
        return self.code(self.lib.mcuedit_checkpoint_clear(self.checkpoint))

    def start(self, size: int | None = None, enough: int = 0, rule: Callable[[int], int] | None = None) -> str | int:
        """Power on, and the learner."""
        assert self.boot() == "OK"
        self._rule = RULE(lambda _, answer: rule(answer)) if rule else RULE()
        return self.code(self.lib.learner_start(self.size if size is None else size, enough, self._rule))

    def learn(self, verb: str, *arguments: object) -> str | int:
        """mcuedit_session_VERB."""
        function = getattr(self.lib, f"mcuedit_session_{verb}")
        return self.code(function(ctypes.c_void_p(self.lib.learner_it()), *arguments))

    def adopt(self) -> str | int:
        self.lib.device_idle()
        return self.learn("adopt", None, 0)

    @property
    def workspace(self) -> bytes:
        return ctypes.string_at(self.lib.learner_bytes(), self.size)


@pytest.fixture
def device(library: Path) -> Learner:
    return Learner(library)


ROWS, _ = trainer.rows(N, 12, 2, 1000)
CORRECTIONS, CONFIRMED = [row.tobytes() for row in ROWS[:2]], [row.tobytes() for row in ROWS[2::2][:8]]
LOGITS = np.array([0, 9, 0, 0, 0, 0], np.int8).tobytes()


def tell(device: Learner) -> None:
    for row in CONFIRMED:
        assert device.learn("right", row, 0) == 0
    for row in CORRECTIONS:
        assert device.learn("correct", row, LOGITS, WANTED, 0) == 0


def finish(device: Learner) -> None:
    while (code := device.learn("train", 5000)) == MORE:
        pass
    assert code == 0


@pytest.mark.parametrize("unit", [1, 2, 4, 8, 16, 32])
def test_the_last_whole_checkpoint_is_found(library: Path, unit: int) -> None:
    """After a cut of any kind at any operation: the one that was being written, or the one before it."""
    rng = random.Random(unit)
    device = Learner(library, unit, 1024)
    size, before = 199, None
    for turn in range(120):
        after = (rng.randbytes(size), turn)
        begun = device.lib.learner_operations()
        if turn % 4 == 0:
            assert device.save(after[0], tag=turn) == 0
            operations = device.lib.learner_operations() - begun
            assert device.load(size) == after
            before = after
            continue
        device.lib.learner_cut(
            rng.randrange(operations), rng.randint(BEFORE, SUFFIX), rng.randrange(300), rng.randrange(1 << 30)
        )
        device.save(after[0], tag=turn)
        assert device.lib.learner_power()
        found = device.load(size)
        assert found in (before, after)
        before = found
    assert device.lib.learner_violations() == 0
    assert device.clear() == 0
    assert device.lib.learner_blank()
    assert device.load(size) is None


def test_checkpoints_that_are_not_ones_own(device: Learner) -> None:
    assert device.load(64) is None
    assert device.save(bytes(64)) == 0
    assert device.load(64, KEY + 1) is None
    assert device.load(60) is None
    assert device.save(bytes(4096 - 31)) == "E_CAPACITY"
    assert device.load(64) == (bytes(64), 0)


def test_what_was_half_erased_is_erased_at_the_next_start(device: Learner) -> None:
    assert device.start() == 0
    tell(device)
    assert device.learn("train", 1) == MORE
    device.lib.learner_cut(0, PREFIX, 64, 1)  # no more than the header is gone
    device.clear()
    assert device.lib.learner_power()
    assert not device.lib.learner_blank()
    assert device.start() == 0
    assert device.lib.learner_blank()


@pytest.mark.parametrize("missing", [1, 4])
def test_a_workspace_that_is_too_small(device: Learner, missing: int) -> None:
    assert device.start(device.size - missing) == "E_CAPACITY"


def test_resets_anywhere_end_in_the_same_bytes(device: Learner) -> None:
    assert device.start() == 0
    empty = device.workspace
    tell(device)
    finish(device)
    straight = device.workspace
    for budget in range(1, 60_000, 7919):
        assert device.learn("drop") == 0
        assert device.workspace == empty
        tell(device)
        assert device.learn("train", budget) in (0, MORE)
        assert device.start() == RESUMED
        finish(device)
        assert device.workspace == straight


def test_it_is_adopted_as_a_trial_and_forgotten(device: Learner) -> None:
    assert device.start() == 0
    empty = device.workspace
    tell(device)
    finish(device)
    size = device.adopt()
    assert isinstance(size, int), size
    assert device.look().in_trial
    assert device.workspace == empty
    assert device.lib.learner_blank()
    assert device.learn("keep") == 0
    assert device.look().confirmed
    assert device.learn("keep") == "E_STATE"


def test_a_store_that_refuses_leaves_all_as_it_was(device: Learner) -> None:
    assert device.start() == 0
    tell(device)
    finish(device)
    device.lib.device_set(0, 0, 0)
    assert device.adopt() == "E_STATE"
    assert not device.lib.learner_blank()
    assert not device.look().in_trial
    device.lib.device_set(0, 1, 0)
    assert isinstance(device.adopt(), int)


def test_what_was_adopted_before_a_reset_is_not_trained_again(device: Learner) -> None:
    assert device.start() == 0
    tell(device)
    finish(device)
    device.lib.learner_cut(0, BEFORE, 0, 0)  # checkpoints outlive the adoption
    assert device.adopt() == "E_FLASH"
    assert device.lib.learner_power()
    assert device.look().in_trial
    assert not device.lib.learner_blank()
    assert device.start() == 0
    assert device.lib.learner_blank()
    assert device.look().in_trial


@pytest.mark.parametrize(("enough", "wrong", "confirmed"), [(4, False, True), (4, True, False), (0, False, False)])
def test_right_answers_confirm_a_trial(device: Learner, enough: int, wrong: bool, confirmed: bool) -> None:
    assert device.start(enough=enough) == 0
    tell(device)
    finish(device)
    device.adopt()
    if wrong:
        assert device.learn("correct", CORRECTIONS[0], LOGITS, WANTED, 1) == 0
    for row in CONFIRMED[:3]:
        assert device.learn("right", row, 1) == 0
    assert not device.look().confirmed
    assert device.learn("right", CONFIRMED[3], 1) == 0
    assert bool(device.look().confirmed) is confirmed


def test_a_rule_decides(device: Learner) -> None:
    """Class 1 is never right, class 2 always; of others it cannot tell."""
    assert device.start(rule=lambda answer: {1: WANTED, 2: 2, 3: 70_000}.get(answer, -1)) == 0
    empty = device.workspace
    assert device.learn("judge", CORRECTIONS[0], LOGITS, 0, 0) == 0
    assert device.workspace == empty
    assert device.learn("judge", CORRECTIONS[0], LOGITS, 3, 0) == "E_CLASS"
    for row in CONFIRMED:
        assert device.learn("judge", row, LOGITS, 2, 0) == 0
    for row in CORRECTIONS:
        assert device.learn("judge", row, LOGITS, 1, 0) == 0
    assert device.learn("judge", CORRECTIONS[0], LOGITS, 2, 0) == "E_CONTRADICTION"
    finish(device)
    assert isinstance(device.adopt(), int)
