# SPDX-License-Identifier: Apache-2.0
"""Teaching a device that obeys operators: over a link only signed, on its console only if the build says so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import deltas, operated, packages
from helpers.kazakhstan import NEW, OLD, SETUP
from helpers.linked import IMAGE, OWN, WRITE, Linked
from helpers.linked import Refused as LinkRefused
from helpers.taught import Link, answers, tell, wipe

from mcuedit import cli
from mcuedit.boards import board
from mcuedit.build.options import BuildOptions
from mcuedit.codegen import TrainSetup
from mcuedit.edits import load_facts
from mcuedit.emulate.devices.learner import Refused, learning_sources
from mcuedit.emulate.devices.serve import serve
from mcuedit.emulate.devices.store_device import StoreDevice
from mcuedit.emulate.devices.updatable import AUTHORITY, CONSOLE, device_sources
from mcuedit.emulate.options import RunOptions
from mcuedit.model.bundle import Base
from mcuedit.ondevice import GateStatistics
from mcuedit.ondevice.corrections import CorrectionSession

TELL, SLOTS, TRAIN, ADOPT, FORGET = 7, 0, 11, 12, 13
E_AUTHORITY = {"err": {"group": OWN, "rc": 32}}


class Keyed(StoreDevice):
    """One with a key for packages and an operator."""

    _defines = ()

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


@pytest.fixture
def lesson(session: CorrectionSession, tmp_path: Path, facts: Path) -> list[str]:
    """`mcuedit learn` of the capital of Kazakhstan, all but the address."""
    known = load_facts(facts / "facts.jsonl").edits
    edit = next(f for f in known if session.edit.prompts[0] in f.prompts)
    keep = [fact.prompts[0] for fact in known[::9] if fact.subject != edit.subject]
    wish = {"subject": edit.subject, "relation": edit.relation, "prompts": edit.prompts, "target_new": NEW}
    (tmp_path / "edits.jsonl").write_text(json.dumps(wish) + "\n")
    (tmp_path / "keep.jsonl").write_text("".join(json.dumps({"prompt": prompt}) + "\n" for prompt in keep))
    given = ["--edits", str(tmp_path / "edits.jsonl"), "--keep", str(tmp_path / "keep.jsonl")]
    return ["learn", str(facts), *given, "--replay", str(SETUP.replay), "--seed", "3"]


def test_an_operator_teaches_it_over_the_link(
    closed: StoreDevice,
    lesson: list[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """From the command line to a trial that is confirmed, and nothing of it without the operator's key."""
    monkeypatch.setenv("MCUEDIT_REGISTRY", str(tmp_path / "registry"))
    with serve("unicorn", board.load("virt-m4"), closed.built.elf) as port:
        to = ["--to", f"tcp:127.0.0.1:{port}", "--timeout", "60"]
        with monkeypatch.context() as nobody:
            nobody.delenv("MCUEDIT_OPERATOR_KEY")
            assert cli.invoke([*lesson, *to]) == 2
        assert "--operator-key" in capsys.readouterr().err
        assert cli.invoke([*lesson, *to, "--json"]) == 0
        said = json.loads(capsys.readouterr().out)
        assert (said["taught_outcome"], said["in_trial"]) == (["trial"], True)
        assert said["taught_right"][0] >= 2
        assert said["active"] == said["trial"] == said["active_learned"] != []
        assert cli.invoke([*lesson, *to, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["taught_outcome"] == ["unchanged"]
        assert cli.invoke(["confirm", *to, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["active_learned"] == said["active"]
        assert cli.invoke(["status", *to]) == 0
        shown = capsys.readouterr()
        assert "(made there)" in shown.out
        assert "development" not in shown.err


@pytest.mark.parametrize(
    ("command", "fields"), [(TELL, {"text": "peru", "right": True}), (TRAIN, {"macs": 1}), (ADOPT, {}), (FORGET, {})]
)
def test_all_of_teaching_is_signed(closed: StoreDevice, command: int, fields: dict[str, Any]) -> None:
    wipe(closed)
    with pytest.raises(LinkRefused) as refused:
        Link(closed.session).ask(OWN, command, WRITE, **fields)
    assert refused.value.args[0] == E_AUTHORITY
    assert Link(closed.session).ask(OWN, TRAIN) == {"fixes": 0, "step": 0}


def test_what_is_taught_over_the_link_is_what_the_console_teaches(
    device: StoreDevice, session: CorrectionSession
) -> None:
    tell(device, session)
    device.say("train 0")
    straight = device.say(f"adopt {NEW}")
    wipe(device)
    link = operator(device)
    tell(device, session)
    assert link.ask(OWN, TRAIN, WRITE, macs=1)["more"]
    assert link.ask(OWN, TRAIN)["fixes"] == len(session.edit.prompts)
    for fields, answer in (({}, {"rc": 3}), ({"macs": 0}, {"err": {"group": OWN, "rc": 6}})):
        with pytest.raises(LinkRefused) as refused:
            link.ask(OWN, TRAIN, WRITE, **fields)
        assert refused.value.args[0] == answer
    with pytest.raises(LinkRefused):
        link.ask(OWN, ADOPT, WRITE, name="x" * 33)
    while link.ask(OWN, TRAIN, WRITE, macs=2_000_000)["more"]:
        pass
    with pytest.raises(LinkRefused) as refused:
        link.ask(OWN, ADOPT, WRITE, name=NEW, log=77)  # of another state
    assert refused.value.args[0] == {"rc": 6}
    mask = link.ask(OWN, ADOPT, WRITE, name=NEW)["mask"]
    assert bytes.fromhex(straight) in bytes(device.flash.content)
    assert link.ask(OWN, FORGET, WRITE) == {}
    assert link.ask(OWN, 0)["mask"] == mask  # a trial goes on
    assert answers(device, session) == {NEW}


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
