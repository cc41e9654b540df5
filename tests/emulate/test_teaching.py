# SPDX-License-Identifier: Apache-2.0
"""Teaching a device that obeys operators: over a link only signed, on its console only if the build says so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from helpers import deltas, operated, packages
from helpers.kazakhstan import NEW, OLD, SETUP
from helpers.linked import IMAGE, OWN, WRITE, Linked
from helpers.linked import Refused as LinkRefused
from helpers.taught import Link, answers, tell, wipe

from mcuedit.build.options import BuildOptions
from mcuedit.codegen import TrainSetup
from mcuedit.emulate.devices.learner import Refused, learning_sources
from mcuedit.emulate.devices.store_device import StoreDevice
from mcuedit.emulate.devices.updatable import AUTHORITY, CONSOLE, device_sources
from mcuedit.emulate.options import RunOptions
from mcuedit.model.bundle import Base
from mcuedit.ondevice import GateStatistics
from mcuedit.ondevice.corrections import CorrectionSession

TELL, SLOTS = 7, 0
E_AUTHORITY = {"err": {"group": OWN, "rc": 32}}


class Keyed(StoreDevice):
    """One with a key for packages and an operator."""

    def _sources(self, base: Base, statistics: GateStatistics, setup: TrainSetup) -> dict[str, str]:
        own = device_sources(base, [packages.public()], operators=operated.SETUP.operators)
        return own | learning_sources(base, statistics, setup)


def options(*defines: str) -> RunOptions:
    return RunOptions("unicorn", "virt-m4", build=BuildOptions(opt="s").defining((AUTHORITY, *defines)))


@pytest.fixture(scope="module")
def closed(base: Base, statistics: GateStatistics) -> Iterator[StoreDevice]:
    """As `mcuedit firmware --learn --key --operator` builds it."""
    with Keyed(base, statistics, SETUP, options()) as made:
        yield made


@pytest.fixture(scope="module")
def built(base: Base, statistics: GateStatistics) -> Iterator[StoreDevice]:
    with Keyed(base, statistics, SETUP, options(CONSOLE)) as made:
        yield made


@pytest.fixture
def device(built: StoreDevice) -> StoreDevice:
    """With --console, from the factory."""
    wipe(built)
    return built


def operator(device: StoreDevice) -> Linked:
    return Link(device.session, operated.OPERATOR)


def signed(base: Base, counter: int = 1) -> bytes:
    """A package for the base of the device that learns."""
    adapter = deltas.adapter(base.model, deltas.delta(base.model, 3, 4, bits=4), name="signed")
    return packages.package(base.model, adapter=adapter, name="signed", counter=counter)


def learned(device: StoreDevice, session: CorrectionSession) -> int:
    """Learns; the slot of what it made, which is on trial."""
    device.learn(session.edit.prompts, session.wanted, session.confirmed, NEW)
    slots = [slot for slot in (operator(device).ask(OWN, SLOTS, slot=i) for i in range(2)) if slot.get("made")]
    assert len(slots) == 1
    return int(slots[0]["slot"])


def test_nobody_teaches_over_a_link_but_operators(closed: StoreDevice, session: CorrectionSession) -> None:
    wipe(closed)
    wish = {"text": session.edit.prompts[0], "class": session.wanted}
    with pytest.raises(LinkRefused) as refused:
        Link(closed.session).ask(OWN, TELL, WRITE, **wish)
    assert refused.value.args[0] == E_AUTHORITY
    assert Link(closed.session).ask(OWN, 4)["bad"] == [0, 0]
    assert operator(closed).ask(OWN, TELL, WRITE, **wish) == {}
    assert operator(closed).ask(OWN, 4)["bad"] == [1, 0]


@pytest.mark.parametrize("command", ["fix 3 x", "yes x", "train 0", "adopt x", "keep", "drop", "good", "bad"])
def test_the_console_of_a_keyed_device_only_asks(closed: StoreDevice, command: str) -> None:
    with pytest.raises(Refused) as refused:
        closed.say(command)
    assert refused.value.name == "E_COMMAND"
    assert closed.say("who ann") == "arm 0"


def test_what_was_learned_does_not_confirm_itself(device: StoreDevice, session: CorrectionSession) -> None:
    learned(device, session)
    for prompt in session.confirmed[:12]:
        device.say(f"yes {prompt}")
    assert operator(device).ask(OWN, 0)["test"]
    operator(device).confirm()
    assert answers(device, session) == {NEW}


def test_what_was_learned_yields_to_what_is_signed_later(
    device: StoreDevice, session: CorrectionSession, base: Base
) -> None:
    slot = learned(device, session)
    link, package = operator(device), signed(base)
    link.confirm()
    link.install(package)
    new = next(iter(link.slots().values()))
    both = 1 << slot | 1 << new
    assert link.ask(OWN, 1, WRITE, mask=both) == {"mask": 1 << new}
    assert answers(device, session) == {OLD}
    link.rollback()
    assert answers(device, session) == {NEW}  # the trial is over: it is as before
    link.ask(IMAGE, 5, WRITE, slot=new)
    link.install(signed(base, counter=2))
    new = next(iter(link.slots().values()))
    assert link.ask(OWN, 1, WRITE, mask=1 << new | 1 << slot) == {"mask": 1 << new}
    link.confirm()
    assert (
        link.ask(OWN, 1, WRITE, mask=1 << new | 1 << slot)["mask"] == 1 << new | 1 << slot
    )  # who signs both, has both


def test_the_trial_of_a_signed_package_is_not_that_of_who_teaches(
    device: StoreDevice, session: CorrectionSession, base: Base
) -> None:
    link = operator(device)
    link.install(signed(base))
    (new,) = link.slots().values()
    assert link.ask(OWN, 1, WRITE, mask=1 << new) == {"mask": 1 << new}
    tell(device, session)
    device.say("train 0")
    for command in (f"adopt {NEW}", "keep"):
        with pytest.raises(Refused) as refused:
            device.say(command)
        assert refused.value.name == "E_STATE"
    device.say("drop")
    state = link.ask(OWN, 0)
    assert (state["test"], state["trial"], state["mask"]) == (True, 1 << new, 1 << new)
