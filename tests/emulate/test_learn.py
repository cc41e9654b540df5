# SPDX-License-Identifier: Apache-2.0
"""A device that is corrected over its UART: it learns, keeps what was confirmed, and survives a reset."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.kazakhstan import SETUP

from mcuedit.adapter import encoding
from mcuedit.emulate.devices.learner import Learner, Refused
from mcuedit.emulate.options import RunOptions
from mcuedit.model.bundle import Base
from mcuedit.model.oracle import Reader
from mcuedit.ondevice import GateStatistics, corrections
from mcuedit.ondevice.corrections import CorrectionSession


@pytest.fixture(scope="module")
def device(base: Base, statistics: GateStatistics):
    with Learner(base, statistics, SETUP, RunOptions("unicorn", "virt-m4")) as made:
        yield made


def test_it_learns_what_the_twin_does(
    base: Base, read: Reader, statistics: GateStatistics, session: CorrectionSession, device: Learner
) -> None:
    before = device.ask(session.confirmed)
    assert {answer.label for answer in device.ask(session.edit.prompts)} == {"nur-sultan"}
    data = device.learn(session.edit.prompts, session.wanted, session.confirmed, "astana")
    assert {answer.label for answer in device.ask(session.edit.prompts)} == {"astana"}
    assert device.ask(session.confirmed) == before
    (made,) = encoding.decode(data, base.model).deltas
    wanted = corrections.learn(read, session, statistics, (3, 4))
    for name in ("a", "c", "m", "s", "b", "rows"):
        np.testing.assert_array_equal(getattr(made, name), getattr(wanted, name), name)
    device.say("drop")
    assert {answer.label for answer in device.ask(session.edit.prompts)} == {"nur-sultan"}


def test_a_reset_in_the_middle(session: CorrectionSession, device: Learner) -> None:
    def tell() -> None:
        device.say("drop")
        for prompt in session.confirmed:
            device.say(f"yes {prompt}")
        for prompt in session.edit.prompts:
            device.say(f"fix {session.wanted} {prompt}")

    tell()
    device.say("train 0")
    straight = device.say("adopt")
    tell()
    assert device.say("train 300000").startswith("more ")
    kept = device.say("dump")
    device.say("drop")  # all zeros but for the seed: what a reset leaves of the workspace
    device.say(f"load {kept}")
    device.say("train 0")
    assert device.say("adopt") == straight


def test_what_it_refuses(session: CorrectionSession, device: Learner) -> None:
    device.say("drop")
    for command, name in (
        (f"fix 9999 {session.edit.prompts[0]}", "E_CLASS"),
        ("fix what", "E_COMMAND"),
        ("train", "E_COMMAND"),
        ("train 0", "E_STATE"),
        ("adopt", "E_STATE"),
        ("load 00", "E_SIZE"),
    ):
        with pytest.raises(Refused, match=name):
            device.say(command)
    device.say(f"fix 3 {session.edit.prompts[0]}")
    for command, name in (
        (f"yes {session.edit.prompts[0]}", "E_CONTRADICTION"),
        (f"fix 4 {session.edit.prompts[1]}", "E_CONTRADICTION"),
        ("train 0", "E_REPLAY"),
    ):
        with pytest.raises(Refused, match=name):
            device.say(command)
    assert {answer.label for answer in device.ask(session.edit.prompts)} == {"nur-sultan"}


def test_nothing_of_the_inputs_is_left(session: CorrectionSession, device: Learner) -> None:
    device.say("drop")
    empty = device.say("dump")
    device.learn(session.edit.prompts, session.wanted, session.confirmed)
    assert device.say("dump") == empty
