# SPDX-License-Identifier: Apache-2.0
"""A device that learns beside a store: trial, confirmation, checkpoints, power cuts, and what it forgets."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile
from helpers.kazakhstan import NEW, OLD, SETUP
from helpers.linked import OWN, WRITE
from helpers.linked import Refused as LinkRefused
from helpers.taught import Link, answers, tell, wipe

from mcuedit._util.errors import McueditError
from mcuedit.build.options import BuildOptions
from mcuedit.emulate import PowerCut
from mcuedit.emulate.devices.learner import Refused
from mcuedit.emulate.devices.store_device import StoreDevice
from mcuedit.emulate.options import RunOptions
from mcuedit.emulate.peripherals.flash import Cut
from mcuedit.model.bundle import Base
from mcuedit.model.oracle import Reader
from mcuedit.ondevice import GateStatistics
from mcuedit.ondevice.corrections import CorrectionSession

PIECE = 150_000  # multiply-accumulates: some steps
TELL, RUN = 7, 8


@pytest.fixture(scope="module")
def built(base: Base, statistics: GateStatistics) -> Iterator[StoreDevice]:
    with StoreDevice(base, statistics, SETUP, RunOptions("unicorn", "virt-m4", build=BuildOptions(opt="s"))) as made:
        yield made


@pytest.fixture
def device(built: StoreDevice) -> StoreDevice:
    """From the factory."""
    wipe(built)
    return built


@pytest.fixture(scope="module")
def straight(built: StoreDevice, session: CorrectionSession) -> str:
    """What nothing interrupted."""
    wipe(built)
    tell(built, session)
    built.say("train 0")
    return built.say(f"adopt {NEW}")


def test_what_is_kept_survives_resets(device: StoreDevice, session: CorrectionSession) -> None:
    before = device.ask(session.confirmed)
    assert answers(device, session) == {OLD}
    device.learn(session.edit.prompts, session.wanted, session.confirmed, NEW)
    assert answers(device, session) == {NEW}
    assert device.say("keep") == "ok"
    for _ in range(5):  # more than a trial's boots
        device.restart()
        assert answers(device, session) == {NEW}
        assert device.ask(session.confirmed) == before


def test_a_trial_that_nobody_confirms_ends(device: StoreDevice, session: CorrectionSession) -> None:
    device.learn(session.edit.prompts, session.wanted, session.confirmed, NEW)
    for _ in range(3):
        device.restart()
        assert answers(device, session) == {NEW}
    device.restart()
    assert answers(device, session) == {OLD}


def test_right_answers_confirm_it(device: StoreDevice, session: CorrectionSession) -> None:
    device.learn(session.edit.prompts, session.wanted, session.confirmed, NEW)
    link = Link(device.session)
    for prompt in session.confirmed[:7]:
        device.say(f"yes {prompt}")
    assert link.ask(OWN, 0)["test"]
    device.say(f"yes {session.confirmed[7]}")
    assert not link.ask(OWN, 0)["test"]
    assert answers(device, session) == {NEW}


def test_a_wrong_answer_of_the_trial_leaves_that_to_the_application(
    device: StoreDevice, session: CorrectionSession
) -> None:
    device.learn(session.edit.prompts, session.wanted, session.confirmed, NEW)
    device.say("fix 3 the currency of peru")
    for prompt in session.confirmed:
        device.say(f"yes {prompt}")
    assert Link(device.session).ask(OWN, 0)["test"]


def test_drop_ends_the_trial_and_leaves_what_is_confirmed(device: StoreDevice, session: CorrectionSession) -> None:
    device.learn(session.edit.prompts, session.wanted, session.confirmed, NEW)
    device.say("drop")
    assert answers(device, session) == {OLD}
    device.learn(session.edit.prompts, session.wanted, session.confirmed, NEW)
    device.say("keep")
    device.say("drop")
    assert answers(device, session) == {NEW}
    with pytest.raises(Refused, match="E_STATE"):
        device.say("keep")


def test_a_reset_in_the_middle_changes_no_byte(device: StoreDevice, session: CorrectionSession, straight: str) -> None:
    for budget in (1, PIECE, 3 * PIECE, 5 * PIECE, 0):
        wipe(device)
        tell(device, session)
        device.say(f"train {budget}")
        device.restart()
        device.restart()
        assert answers(device, session) == {OLD}
        assert device.say("train 0").startswith("done ")
        device.restart()
        assert device.say(f"adopt {NEW}") == straight, budget


def test_training_goes_on_over_many_resets(device: StoreDevice, session: CorrectionSession) -> None:
    def tell_close_ones() -> None:
        for letter in "abcde":
            device.say(f"yes capital city of kazakhstan {letter}")
        device.say(f"fix {session.wanted} capital city of kazakhstan x")

    tell_close_ones()
    assert device.say("train 0") == "done 64"  # never separated by as much as is wanted
    straight = device.say("adopt")
    wipe(device)
    tell_close_ones()
    steps = []
    while (said := device.say(f"train {4 * PIECE}")).startswith("more "):
        steps.append(int(said.split()[1]))
        device.restart()
        assert len(steps) < 10, steps
    assert len(steps) >= 3, steps
    assert device.say("adopt") == straight


def test_a_reset_before_training_restarts_cleanly(
    device: StoreDevice, session: CorrectionSession, straight: str
) -> None:
    tell(device, session)
    device.restart()
    with pytest.raises(Refused, match="E_STATE"):
        device.say("train 0")
    tell(device, session)
    device.say("train 0")
    assert device.say(f"adopt {NEW}") == straight


def ways(count: int, how_many: int) -> Iterator[Cut]:
    """Cuts of a command that takes `count` operations: at its begin, its end, and between."""
    for i, at in enumerate(sorted({0, 1, 2, count - 2, count - 1, *range(0, count, -(-count // how_many))})):
        yield Cut(at, ("before", "torn", "after")[i % 3], (0.1, 0.5, 0.9)[i % 3])


def test_power_cuts_in_training(device: StoreDevice, session: CorrectionSession, straight: str) -> None:
    tell(device, session)
    begun = device.flash.operations
    device.say("train 0")
    count, resumed = device.flash.operations - begun, 0
    for cut in ways(count, 12):
        wipe(device)
        tell(device, session)
        device.flash.cut(cut)
        with pytest.raises(PowerCut):
            device.say("train 0")
        device.restart()
        assert answers(device, session) == {OLD}
        try:
            device.say("train 0")
            resumed += 1
        except Refused as error:
            assert error.name == "E_STATE", cut
            tell(device, session)
            device.say("train 0")
        assert device.say(f"adopt {NEW}") == straight, cut
    assert resumed >= 6


def test_power_cuts_in_adoption(device: StoreDevice, session: CorrectionSession, read: Reader, straight: str) -> None:
    rows = tap_rows(read, session)
    tell(device, session)
    device.say("train 0")
    begun = device.flash.operations
    device.say(f"adopt {NEW}")
    count, adopted = device.flash.operations - begun, 0
    for cut in ways(count, 14):
        wipe(device)
        tell(device, session)
        device.say("train 0")
        device.flash.cut(cut)
        with pytest.raises(PowerCut):
            device.say(f"adopt {NEW}")
        device.restart()
        if answers(device, session) == {OLD}:
            device.say("train 0")
            assert device.say(f"adopt {NEW}") == straight, cut
        else:
            adopted += 1
        assert answers(device, session) == {NEW}, cut
        assert not leaks(bytes(device.flash.content), rows), cut
        assert device.say("keep") == "ok"
    assert adopted >= 2


def tap_rows(read: Reader, session: CorrectionSession) -> list[bytes]:
    """What the device was told, as its tap sees it; and in letters."""
    prompts = (*session.edit.prompts, *session.confirmed)
    rows = read(list(prompts))[read.base.model.ops[SETUP.tap].inputs[0]].reshape(len(prompts), -1)
    return [*(row.astype(np.int8).tobytes() for row in rows), *(prompt.encode() for prompt in prompts)]


def leaks(image: bytes, rows: list[bytes]) -> list[int]:
    """Which rows have a stretch of 16 bytes, not all alike, in an image."""
    found = []
    for i, row in enumerate(rows):
        pieces = [row[at : at + 16] for at in range(0, len(row) - 15, 8)] or [row]
        if any(len(set(piece)) > 3 and piece in image for piece in pieces):
            found.append(i)
    return found


def memory_of(device: StoreDevice, name: str) -> bytes:
    with device.built.elf.open("rb") as file:
        (symbol,) = ELFFile(file).get_section_by_name(".symtab").get_symbol_by_name(name)
    return bytes(device.session._core.mem_read(symbol["st_value"], symbol["st_size"]))


def test_nothing_of_the_inputs_is_left(device: StoreDevice, read: Reader, session: CorrectionSession) -> None:
    rows = tap_rows(read, session)
    tell(device, session)
    device.say("train 0")
    told = list(range(10))  # rows of the tap; letters are kept nowhere
    assert leaks(memory_of(device, "learning"), rows) == told
    assert leaks(bytes(device.flash.content), rows) == told
    device.say(f"adopt {NEW}")
    assert not leaks(memory_of(device, "learning"), rows)
    assert not leaks(bytes(device.flash.content), rows)


REFUSED = [
    (f"fix 9999 {OLD}", "E_CLASS"),
    ("fix what", "E_COMMAND"),
    ("train", "E_COMMAND"),
    ("train 0", "E_STATE"),  # nothing was corrected
    ("adopt", "E_STATE"),
    ("adopt " + "x" * 33, "E_SIZE"),
    ("keep", "E_STATE"),  # there is no trial
    ("keep it", "E_COMMAND"),
    ("drop it", "E_COMMAND"),
]


def test_what_it_refuses_leaves_in_force_what_was(device: StoreDevice, session: CorrectionSession) -> None:
    one, two = "the currency of peru", "the money of peru"
    device.learn(session.edit.prompts, session.wanted, session.confirmed, NEW)
    device.say("keep")
    for command, name in (
        *REFUSED,
        (f"fix 3 {one}", ""),
        (f"yes {one}", "E_CONTRADICTION"),
        (f"fix 4 {two}", "E_CONTRADICTION"),
        ("train 0", "E_REPLAY"),  # nothing was confirmed
        (f"fix 3 {two}", ""),
        ("fix 3 what is used in peru", "E_FULL"),
        (f"yes {session.confirmed[0]}", ""),
        (f"fix 3 {session.confirmed[0]}", "E_CONTRADICTION"),
        ("train 1", ""),
        (f"yes {session.confirmed[1]}", "E_STATE"),  # training has begun
        ("adopt", "E_STATE"),  # and has not ended
    ):
        if name:
            with pytest.raises(Refused, match=name):
                device.say(command)
        else:
            device.say(command)
        assert answers(device, session) == {NEW}, command
    device.restart()
    assert answers(device, session) == {NEW}


def test_what_cannot_be_learned_is_not_adopted(device: StoreDevice, session: CorrectionSession) -> None:
    """Two corrections, with confirmed inputs all the way from one to the other."""
    for i in range(1, 9):
        device.say(f"yes {'kazakhstan ' * i}{'peru ' * (9 - i)}")
    device.say(f"fix {session.wanted} {'kazakhstan ' * 9}")
    device.say(f"fix {session.wanted} peru")
    device.say("train 0")
    with pytest.raises(Refused, match="E_SATURATED"):
        device.say("adopt")
    assert answers(device, session) == {OLD}
    assert not Link(device.session).ask(OWN, 0)["test"]


def test_corrections_over_smp(device: StoreDevice, session: CorrectionSession, straight: str) -> None:
    link = Link(device.session)
    for prompt in session.confirmed:
        assert link.ask(OWN, TELL, WRITE, text=prompt, right=True) == {}
    for prompt in session.edit.prompts:
        assert link.ask(OWN, TELL, WRITE, text=prompt, **{"class": session.wanted}) == {}
    for fields, answer in (
        ({"text": "peru"}, {"rc": 3}),
        ({"class": 3}, {"rc": 3}),
        ({"text": "peru", "class": 3, "right": True}, {"rc": 3}),
        ({"text": "peru", "class": 9999}, {"err": {"group": 64, "rc": 28}}),
        ({"in": b"1", "right": True}, {"err": {"group": 64, "rc": 1}}),
        ({"text": session.edit.prompts[0], "right": True}, {"err": {"group": 64, "rc": 27}}),
    ):
        with pytest.raises(LinkRefused) as refused:
            link.ask(OWN, TELL, WRITE, **fields)
        assert refused.value.args[0] == answer, fields
    device.say("train 0")
    assert device.say(f"adopt {NEW}") == straight
    assert link.ask(OWN, RUN, WRITE, text=session.edit.prompts[0])["label"] == NEW
    state = link.ask(OWN, 0)
    assert state["dev"]  # without keys it is one for development, and says so
    assert link.ask(OWN, 0, slot=state["mask"].bit_length() - 1)["made"]


def test_memory(device: StoreDevice, session: CorrectionSession) -> None:
    device.learn(session.edit.prompts, session.wanted, session.confirmed, NEW)
    stack = device.stat("stack")
    print(device.built.footprint, stack)
    assert stack < 2048


def test_boards_that_keep_nothing(base: Base, statistics: GateStatistics) -> None:
    with pytest.raises(McueditError, match="mps2-an386 on qemu keeps nothing"):
        StoreDevice(base, statistics, SETUP, RunOptions("qemu", "mps2-an386"))
