# SPDX-License-Identifier: Apache-2.0
"""Roll-outs against devices in Python: stages, failures, resumption, and what a registry remembers of a device."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from contextlib import contextmanager, nullcontext
from dataclasses import replace

import pytest
from helpers import packages
from helpers.standin import REVOKED, Core, Served, Standin

from mcuedit._util.errors import McueditError
from mcuedit.fleet import Campaign, Delivery, Member, Results, Rollout, Stages, inventory, read, remembered
from mcuedit.fleet import deliver as deliver_module
from mcuedit.fleet.transport import Device, TransportError, parse
from mcuedit.package import parse as parse_package
from mcuedit.package.registry import open_registry


@pytest.fixture(autouse=True)
def registry(tmp_path, monkeypatch):
    path = tmp_path / "registry.sqlite"
    monkeypatch.setenv("MCUEDIT_REGISTRY", str(path))
    return path


def rollout(goal="confirmed", data=b"", **options) -> Rollout:
    data = data or packages.package(counter=5)
    return Rollout(data, parse_package(data), goal, sleep=lambda seconds: None, **options)


def connect(member: Member) -> Device:
    return Device(member.address, timeout=2.0, tries=3, sleep=lambda seconds: None)


def deliver(address: str, wanted: Rollout):
    with Device(address, timeout=2.0, tries=3, sleep=lambda seconds: None) as device:
        return Delivery(device, wanted).run()


@contextmanager
def serving(*devices: Standin):
    """Members of a fleet, by the names of their devices."""
    with Served(*devices) as addresses:
        yield [Member(d.name, parse(a)) for d, a in zip(devices, addresses, strict=True)]


def fleet_of(count: int) -> list[Standin]:
    return [Standin(name=f"d{i:02}") for i in range(count)]


def campaign(wanted: Rollout, members, path, *, canaries=2, resume=False, **options):
    first = inventory.canaries(members, canaries, wanted.package.digest)
    with Results(path, wanted.package.digest, resume=resume) as results:
        return Campaign(wanted, Stages(members, first, **options), results, connect=connect).run()


def hasty(wanted: Rollout, members, path, ill: Standin, *, resume=False, **options):
    """The same with 4 canaries where the silence of one is over soon; the others may be slow, as the machine is."""
    first = inventory.canaries(members, 4, wanted.package.digest)

    def connecting(member: Member) -> Device:
        return Device(member.address, 1.0, 3) if member.name == ill.name else connect(member)

    with Results(path, wanted.package.digest, resume=resume) as results:
        return Campaign(wanted, Stages(members, first, **options), results, connect=connecting).run()


# One device.


@pytest.mark.parametrize("goal", ["staged", "trial", "confirmed"])
def test_a_package_gets_as_far_as_asked_for_and_no_further(goal):
    device = Standin()
    with Served(device) as (address,):
        outcome = deliver(address, rollout(goal))
        assert (outcome.state, outcome.device, outcome.slot) == (goal, "standin", 0)
        assert (device.trial, device.good) == {"staged": (None, 0), "trial": (1, 0), "confirmed": (None, 1)}[goal]
        again = deliver(address, rollout(goal))
    assert again.state == {"staged": "staged", "trial": "trial", "confirmed": "already"}[goal]
    assert not again.failed


def test_an_upload_stops_at_the_same_name_and_keeps_the_others():
    device = Standin()
    with Served(device) as (address,):
        deliver(address, rollout(data=packages.package(name="a", counter=1)))
        deliver(address, rollout(data=packages.package(name="b", counter=2)))
        assert device.good == 0b11
        outcome = deliver(address, rollout(data=packages.package(name="a", version="2.0.0", counter=3)))
    assert (outcome.state, outcome.before) == ("confirmed", "a@1.2.0")
    assert device.good == 0b110


def test_a_device_with_something_newer_is_left_alone():
    device = Standin(minimum_counter=9)
    with Served(device) as (address,):
        assert deliver(address, rollout()).state == "newer"
    assert not device.stored


def test_another_base_is_seen_before_anything_is_sent():
    device = Standin(base=packages.model(1))
    with Served(device) as (address,):
        outcome = deliver(address, rollout())
    assert (outcome.state, outcome.reason) == ("failed", "other-base")
    assert (1, 1) not in device.asked


def test_a_trial_of_others_is_not_ended():
    device = Standin()
    device.install(packages.package(name="other", counter=1))
    device.activate({"mask": 1})
    with Served(device) as (address,):
        outcome = deliver(address, rollout())
    assert (outcome.state, outcome.reason, device.trial) == ("failed", "trial", 1)


def test_a_trial_that_went_back_by_itself_is_not_healthy():
    device = Standin()

    def expire(group, command, asked):
        if device.trial and (group, command) == (64, 4):
            device.rollback()

    device.fault = expire
    with Served(device) as (address,):
        outcome = deliver(address, rollout(hold=3.0))
    assert (outcome.state, outcome.step) == ("unhealthy", "health")
    assert device.stored[0][1] == REVOKED


def test_bad_outcomes_are_not_confirmed():
    device = Standin(arms={"runs": [10, 10], "good": [10, 6], "bad": [0, 4]})
    with Served(device) as (address,):
        outcome = deliver(address, rollout())
    assert (outcome.state, device.good) == ("unhealthy", 0)
    assert "4 of 10" in outcome.message


def test_what_was_done_is_remembered(registry):
    wanted = rollout()
    with Served(Standin(name="pump-7")) as (address,):
        deliver(address, wanted)
    with open_registry() as kept:
        (device,) = kept.devices()
        assert (device.device, device.address, device.base_sha256) == ("pump-7", address, packages.model().sha256)
        assert (device.slots[0].state, device.slots[0].digest) == ("confirmed", wanted.package.digest)
        assert device.log_sequence == 3


# Freeze and swaps: what the host remembers against what the device says.


def test_a_device_put_back_to_an_old_state_is_found():
    """An old flash image, copied back, log and all."""
    device = Standin()
    with Served(device) as (address,):
        deliver(address, rollout(data=packages.package(counter=1)))
        old = dict(device.stored), device.minimum_counter, device.good, list(device.log)
        deliver(address, rollout(data=packages.package(counter=2, version="1.3.0")))
        device.stored, device.minimum_counter, device.good, device.log = old
        outcome = deliver(address, rollout(data=packages.package(counter=3, version="1.4.0")))
        assert (outcome.state, outcome.reason) == ("failed", "log")
        with Device(address) as link:
            remembered.accept(link)
        assert deliver(address, rollout(data=packages.package(counter=3, version="1.4.0"))).state == "confirmed"


def test_a_counter_that_went_down_is_found():
    """With a log that goes on as if nothing was."""
    device = Standin()
    with Served(device) as (address,):
        deliver(address, rollout())
        device.minimum_counter = 1
        outcome = deliver(address, rollout(data=packages.package(counter=6, version="1.4.0")))
    assert (outcome.reason, outcome.step) == ("behind", "status")
    assert "--accept" in outcome.hint


def test_another_device_of_the_same_id_is_found():
    with Served(Standin()) as (address,):
        deliver(address, rollout())
    other = Standin()
    for number in range(4):
        other.record(9, number)
    with Served(other) as (address,):
        outcome = deliver(address, rollout())
    assert outcome.reason == "log"


# Many devices.


def test_canaries_go_first_and_are_confirmed_before_anybody_else_is_asked(tmp_path):
    devices, asked = fleet_of(8), []
    for device in devices:
        device.fault = lambda group, command, request, name=device.name: asked.append((name, group, command))
    with serving(*devices) as members:
        first = {m.name for m in inventory.canaries(members, 2, rollout().package.digest)}
        report = campaign(rollout(), members, tmp_path / "r.jsonl")
    assert (report.failures, report.stopped, len(report.outcomes)) == (0, "", 8)
    names = [name for name, *_ in asked]
    last_confirm = max(i for i, (name, g, c) in enumerate(asked) if name in first and (g, c) == (64, 2))
    assert min(i for i, name in enumerate(names) if name not in first) > last_confirm
    first_confirm = min(i for i, (name, g, c) in enumerate(asked) if (g, c) == (64, 2))
    assert {name for name, g, c in asked[:first_confirm] if (g, c) == (64, 1)} == first  # all in trial by then
    lines = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert {line["stage"] for line in lines if line["member"] in first} == {"canary"}
    assert {line["member"] for line in lines if line["state"] == "confirmed"} == {d.name for d in devices}


def test_an_unhealthy_canary_takes_the_others_back(tmp_path):
    devices = fleet_of(6)
    with serving(*devices) as members:
        first = [m.name for m in inventory.canaries(members, 2, rollout().package.digest)]
        bad, other = (next(d for d in devices if d.name == name) for name in first)
        bad.arms = {"runs": [1, 1], "good": [1, 0], "bad": [0, 1]}
        report = campaign(rollout(), members, tmp_path / "r.jsonl", max_failures=5)
    assert "not healthy" in report.stopped
    assert (other.trial, other.good, other.stored[0][1]) == (None, 0, REVOKED)
    assert report.outcomes[other.name].state == "rolled back"
    assert sorted(report.waiting) == sorted(d.name for d in devices if d.name not in first)
    assert not any(d.asked for d in devices if d.name not in first)


def failing(device: Standin) -> Standin:
    """It refuses every package."""

    def refuse(data):
        raise Core("E_FLASH")

    device.install = refuse
    return device


def falls_silent(device: Standin, after: tuple[int, int]) -> None:
    """It carries that command out, and is never heard of again."""
    gone = []

    def silent(group, command, asked):
        if gone:
            return b""
        if (group, command) == after:
            gone.append(device.trial)
        return None

    device.fault, device.lose = silent, lambda *_: bool(gone)


ACTIVATE, CONFIRM, ARMS = (64, 1), (64, 2), (64, 4)


@pytest.mark.parametrize(
    ("goal", "after"),
    [("trial", ACTIVATE), ("trial", ARMS), ("confirmed", ACTIVATE), ("confirmed", ARMS), ("confirmed", CONFIRM)],
)
def test_a_canary_that_falls_silent_after_its_activation_stops_it_and_takes_the_others_back(tmp_path, goal, after):
    """However many may fail. Silent at once, when it is looked at again, or when it was to be confirmed."""
    devices, wanted = fleet_of(12), rollout(goal)
    with serving(*devices) as members:
        first = [m.name for m in inventory.canaries(members, 4, wanted.package.digest)]
        ill = next(d for d in devices if d.name == first[0])
        falls_silent(ill, after)
        report = hasty(wanted, members, tmp_path / "r.jsonl", ill, max_failures=12, jobs=1)
        outcome = report.outcomes[ill.name]
        assert (outcome.state, outcome.reason) == ("unhealthy", "silent")
        assert "silent since its trial began" in outcome.message
        assert report.stopped == f"canary {ill.name} fell silent after its activation"
        others = [d for d in devices if d != ill]
        assert all(d.trial is None and d.good == 0 for d in others)  # back, or never begun
        assert {n for n, o in report.outcomes.items() if o.state == "rolled back"} <= set(first)
        assert not any(d.asked for d in devices if d.name not in first)
        told = json.loads((tmp_path / "r.jsonl").read_text().splitlines()[0])
        assert (told["member"], told["state"]) == (ill.name, "trial" if after != ACTIVATE else "unhealthy")
        if after == CONFIRM:
            return
        again = hasty(wanted, members, tmp_path / "r.jsonl", ill, max_failures=12, resume=True)
        assert again.outcomes[ill.name].reason == "silent"  # still
        assert "fell silent" in again.stopped
        ill.fault, ill.lose = Standin().fault, Standin().lose
        ill.trial = None  # it was restarted, until its trial was over
        again = hasty(wanted, members, tmp_path / "r.jsonl", ill, max_failures=12, resume=True)
    assert (again.stopped, again.outcomes[ill.name].state) == ("", goal)


def test_a_device_that_was_never_reached_is_not_called_silent(tmp_path):
    """It stops nothing as long as it may fail."""
    devices, wanted = fleet_of(8), rollout()
    with serving(*devices) as members:
        first = inventory.canaries(members, 4, wanted.package.digest)
        ill = next(d for d in devices if d.name == first[0].name)
        ill.fault = lambda *_: b""
        report = hasty(wanted, members, tmp_path / "r.jsonl", ill, max_failures=1)
    assert (report.outcomes[ill.name].state, report.outcomes[ill.name].reason) == ("failed", "unreachable")
    assert (report.stopped, report.failures) == ("", 1)


@pytest.mark.parametrize(("allowed", "stops"), [(0, True), (1, True), (2, False)])
def test_it_stops_when_more_fail_than_may(tmp_path, allowed, stops):
    devices = fleet_of(12)
    with serving(*devices) as members:
        first = {m.name for m in inventory.canaries(members, 1, rollout().package.digest)}
        for device in [d for d in devices if d.name not in first][:2]:
            failing(device)
        report = campaign(rollout(), members, tmp_path / "r.jsonl", canaries=1, max_failures=allowed, jobs=1)
    assert bool(report.stopped) == stops
    assert report.failures == min(2, allowed + 1)
    assert bool(report.waiting) == stops


def test_resume_leaves_out_what_is_done_and_tries_the_rest_again(tmp_path):
    devices, path = fleet_of(6), tmp_path / "r.jsonl"
    with serving(*devices) as members:
        first = {m.name for m in inventory.canaries(members, 1, rollout().package.digest)}
        sick = failing(next(d for d in devices if d.name not in first))
        report = campaign(rollout(), members, path, canaries=1)
        assert report.stopped
        assert report.outcomes[sick.name].reason == "E_FLASH"
        del sick.install
        with path.open("ab") as file:
            file.write(b'{"member": "d0')  # killed while it wrote
        done = [name for name, outcome in report.outcomes.items() if not outcome.failed]
        for device in devices:
            device.asked.clear()
        report = campaign(rollout(), members, path, canaries=1, resume=True)
        assert len(campaign(rollout(), members, path, canaries=1, resume=True).skipped) == 6  # every line can be read
    assert sorted(report.skipped) == sorted(done)
    assert (report.failures, report.stopped, report.waiting) == (0, "", [])
    assert not any(d.asked for d in devices if d.name in done)
    assert all(d.good == 1 for d in devices)


def test_results_are_not_mixed_up(tmp_path):
    path = tmp_path / "r.jsonl"
    with serving(*fleet_of(2)) as members:
        campaign(rollout(), members, path, canaries=1)
        with pytest.raises(McueditError, match="has results already"):
            campaign(rollout(), members, path, canaries=1)
        other = rollout(data=packages.package(counter=9, version="3.0.0"))
        report = campaign(other, members, path, canaries=1, resume=True)  # another package: nothing of it is done
    assert len(report.outcomes) == 2
    path.write_text("hello\n")
    with pytest.raises(McueditError, match="line 1 is no result"), Results(path, "", resume=True):
        pass


def test_the_canaries_of_a_package_are_the_same_every_time_and_others_for_another():
    members = [Member(f"d{i}", parse(f"udp:h:{i + 1}")) for i in range(40)]
    first = inventory.canaries(members, 4, "aa")
    assert first == inventory.canaries(list(reversed(members)), 4, "aa")[::-1]
    assert len(first) == 4
    assert first != inventory.canaries(members, 4, "bb")


# fleet.toml


def test_a_fleet_is_a_file(tmp_path):
    path = tmp_path / "fleet.toml"
    path.write_text('[[device]]\nname = "a"\naddress = "udp:h:1"\n\n[[device]]\nname = "b"\naddress = "tcp:h:2"\n')
    assert [(m.name, str(m.address)) for m in read(path)] == [("a", "udp:h:1"), ("b", "tcp:h:2")]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "device"),
        ("device = []", "not empty"),
        ('[[device]]\nname = "a"', "address"),
        ('[[device]]\nname = "a"\naddress = "nowhere"', r"device\[0\]\.address: expected udp"),
        ('[[device]]\nname = "a"\naddress = "udp:h:1"\nport = 7', "port"),
        ('[[device]]\nname = "a"\naddress = "udp:h:1"\n[[device]]\nname = "a"\naddress = "udp:h:2"', "name a"),
        ('[[device]]\nname = "a"\naddress = "udp:h:1"\n[[device]]\nname = "b"\naddress = "udp:h:1"', "udp:h:1"),
        ("[[device", "fleet.toml"),
    ],
)
def test_a_malformed_fleet_is_named(tmp_path, text, what):
    path = tmp_path / "fleet.toml"
    path.write_text(text)
    with pytest.raises(McueditError, match=what):
        read(path)


# Whatever goes wrong with one device.


@pytest.mark.parametrize("where", ["status", "activate", "arms", "confirm", "connect", "close", "canary"])
def test_an_exception_in_one_delivery_ends_that_delivery_alone(where, tmp_path, monkeypatch):
    """A fault of ours, or an answer that nobody thought of."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    wanted = rollout()
    with serving(*fleet_of(6)) as members:
        first = inventory.canaries(members, 2, wanted.package.digest)
        ill = first[0] if where == "canary" else next(m for m in members if m not in first)

        def breaks(*_):
            raise ZeroDivisionError("\x1b[31mno")

        def connecting(member):
            device = connect(member)
            if member == ill:
                if where == "connect":
                    breaks()
                monkeypatch.setattr(device, "status" if where == "canary" else where, breaks)
            return device

        with Results(tmp_path / "r.jsonl", wanted.package.digest, resume=False) as results:
            report = Campaign(wanted, Stages(members, first, 1), results, connect=connecting).run()
    outcome = report.outcomes.pop(ill.name)
    assert (outcome.state, outcome.reason, outcome.failed) == ("failed", "unexpected", True)
    assert "unexpected ZeroDivisionError" in outcome.message
    assert "\x1b" not in outcome.message
    assert {o.state for o in report.outcomes.values()} == {"confirmed"}
    assert (len(report.outcomes), report.waiting, report.stopped) == (5, [], "")
    assert list((tmp_path / "state").rglob("traceback-*.txt"))


def test_a_registry_that_cannot_be_written_ends_that_delivery_alone(tmp_path, monkeypatch):
    wanted = rollout()
    with serving(*fleet_of(4)) as members:

        def broken(*_):
            raise McueditError("registry: disk I/O error", "h")

        upload = Delivery._upload
        monkeypatch.setattr(Delivery, "_upload", lambda d, s: broken() if d.outcome.device == "d03" else upload(d, s))
        monkeypatch.setattr(deliver_module, "open_registry", broken)
        report = campaign(replace(wanted, goal="staged"), members, tmp_path / "r.jsonl", canaries=0, max_failures=4)
    assert report.outcomes["d03"].message == "registry: disk I/O error"
    assert [o.failed for o in report.outcomes.values()].count(True) == 1


# Many.


def _members(count: int) -> list[Member]:
    return [Member(f"d{i}", parse(f"udp:10.0.{i >> 8}.{i & 255}:1337")) for i in range(count)]


def _work(does: Callable[[int], object], counts: tuple[int, int] = (1_000, 10_000)) -> float:
    """How many times more computing ten times as many devices take; the least of three, for machines that are busy."""
    found = []
    for count in counts:
        each = []
        for _ in range(3):
            start = time.process_time()
            does(count)
            each.append(time.process_time() - start)
        found.append(min(each))
    return found[1] / found[0]


def test_reading_a_fleet_is_linear_in_its_devices(tmp_path):
    """Choosing its canaries, too; and naming what is wrong with every one of them."""
    for wrong in False, True:
        for count in 1_000, 10_000:
            lines = (f'[[device]]\nname = "{m.name}"\naddress = "{m.address}"\n\n' for m in _members(count))
            (tmp_path / f"{count}.toml").write_text("".join(lines) + wrong * ('[[device]]\nname = "d0"\n' * count))

        def reads(count: int, wrong: bool = wrong) -> None:
            with pytest.raises(McueditError, match="more") if wrong else nullcontext():
                inventory.canaries(read(tmp_path / f"{count}.toml"), count // 20, "aa")

        ratio = _work(reads)
        print(f"ten times the devices{' with faults' * wrong}: {ratio:.1f} times the work")
        assert ratio < 30


def test_a_roll_out_over_silent_devices_is_linear_in_them(tmp_path, monkeypatch):
    """What it does beside waiting for them."""
    monkeypatch.setattr("os.fsync", lambda file: None)
    wanted, runs = rollout("staged"), itertools.count()

    def silent(member: Member) -> Device:
        raise TransportError("unreachable", f"{member.address}: unreachable", "")

    def rolls(count: int) -> None:
        members = _members(count)
        stages = Stages(members, inventory.canaries(members, count // 20, "aa"), count)
        with Results(tmp_path / f"{next(runs)}.jsonl", "aa", resume=False) as results:
            report = Campaign(wanted, stages, results, connect=silent).run()
        assert (report.failures, report.waiting, report.stopped) == (count, [], "")

    ratio = _work(rolls)
    print(f"ten times the devices: {ratio:.1f} times the work")
    assert ratio < 30
