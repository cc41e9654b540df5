# SPDX-License-Identifier: Apache-2.0
"""A roll-out over two dozen devices, each a process of its own: mixed versions, and all that goes wrong at once."""

from __future__ import annotations

import json
from contextlib import ExitStack

import pytest
from helpers import packages
from helpers.operated import Device

from mcuedit import cli
from mcuedit.emulate.devices.device_process import DeviceProcess, Faults
from mcuedit.fleet import inventory
from mcuedit.fleet.transport import Address, upload
from mcuedit.package import parse

QUICK = ("--timeout", "1", "--tries", "4")
PACKAGE = packages.package(version="2.0.0", counter=5)
OLD, NEWER = packages.package(version="1.0.0", counter=2), packages.package(version="3.0.0", counter=9)
NAMES = [f"d{i:02}" for i in range(24)]


@pytest.fixture(autouse=True)
def registry(tmp_path, monkeypatch):
    monkeypatch.setenv("MCUEDIT_REGISTRY", str(tmp_path / "registry.sqlite"))


def confirm(address: str, package: bytes) -> None:
    """What a device has had before, by other means than a fleet's."""
    with Device(address) as device:
        list(upload(device, package))
        device.activate(1 << next(s.index for s in device.status().slots if s.state == "staged"))
        device.confirm()


def state(address: str) -> tuple[list[str], int]:
    """name@version of what is active, and the counter."""
    with Device(address) as device:
        status = device.status()
        return [f"{status.slots[i].name}@{status.slots[i].version}" for i in status.active], status.minimum_counter


def test_twenty_four_devices_of_which_five_cannot(device_program, tmp_path, capsys):
    """Two fail, one loses its link for good and one for a while, one runs another base; 3 had an old version, 2 a newer
    one, 1 has it already. Whoever can has it in the end, whoever cannot is as before, and a second run finishes."""
    members = [inventory.Member(name, Address("udp", "", 0)) for name in NAMES]
    canaries = {m.name for m in inventory.canaries(members, 2, parse(PACKAGE).digest)}
    others = iter(n for n in NAMES if n not in canaries)
    small, dead, mute, strange, flaky = (next(others) for _ in range(5))
    old, newer, already = [next(others) for _ in range(3)], [next(others) for _ in range(2)], next(others)
    with ExitStack() as stack:
        fleet = {}
        for name in NAMES:
            program = device_program(seed=1 if name == strange else 0)
            geometry = (8, 256, 256, 8, 2) if name == small else None  # no room for a package in a slot
            running = DeviceProcess(program, tmp_path / name, device_id=name, geometry=geometry)
            fleet[name] = stack.enter_context(running)
        for name, package in [*((n, OLD) for n in old), *((n, NEWER) for n in newer), (already, PACKAGE)]:
            confirm(fleet[name].address, package)
        fleet[dead].stop()
        for name, faults in (mute, Faults(lose_after=14)), (flaky, Faults(lose_after=14, lose_count=2)):
            fleet[name].stop()
            fleet[name].start(faults)
        lines = (f'[[device]]\nname = "{name}"\naddress = "{fleet[name].address}"\n' for name in NAMES)
        (tmp_path / "fleet.toml").write_text("".join(lines))
        (tmp_path / "fix.mcu").write_bytes(PACKAGE)
        results = tmp_path / "fix.jsonl"
        command = ["push", str(tmp_path / "fix.mcu"), "--fleet", str(tmp_path / "fleet.toml"), "--confirm", *QUICK]
        command += ["--canary", "5%", "--results", str(results), "--json"]

        assert cli.invoke([*command, "--max-failures", "4"]) == 1
        told = json.loads(capsys.readouterr().out)
        assert sorted(told["failed"]) == sorted([small, dead, mute, strange])
        reasons = dict(zip(told["failed"], told["reasons"], strict=True))
        assert reasons == {small: "E_SIZE", dead: "unreachable", mute: "unreachable", strange: "other-base"}
        assert (told["stopped"], told["waiting"], told["tried"]) == ("", [], 24)
        assert (told["count_confirmed"], told["count_newer"], told["count_already"]) == (17, 2, 1)
        for name in set(NAMES) - {small, dead, mute, strange, *newer}:
            assert state(fleet[name].address) == (["fix@2.0.0"], 5), name
        for name in newer:
            assert state(fleet[name].address) == (["fix@3.0.0"], 9)
        assert state(fleet[small].address) == state(fleet[strange].address) == ([], 0)
        order = [json.loads(line) for line in results.read_text().splitlines()]
        assert {line["member"] for line in order if line["stage"] == "canary"} == canaries
        assert all(line["stage"] == "canary" for line in order[:4])  # in trial, then confirmed

        fleet[dead].start()
        fleet[mute].stop()
        fleet[mute].start()
        assert cli.invoke([*command, "--max-failures", "2", "--resume"]) == 1
        told = json.loads(capsys.readouterr().out)
        assert (told["done_before"], told["tried"], told["count_confirmed"]) == (20, 4, 2)
        assert sorted(told["failed"]) == sorted([small, strange])


def test_a_canary_whose_self_test_fails_stops_it(device_program, tmp_path, capsys):
    """The device itself goes back; nobody else is asked."""
    lie = packages.self_tests(packages.model(), packages.fact(), lie=True)
    (tmp_path / "fix.mcu").write_bytes(packages.package(counter=1, self_tests=lie))
    with ExitStack() as stack:
        fleet = [stack.enter_context(DeviceProcess(device_program(), tmp_path / n, device_id=n)) for n in NAMES[:5]]
        lines = (f'[[device]]\nname = "{n}"\naddress = "{d.address}"\n' for n, d in zip(NAMES, fleet, strict=False))
        (tmp_path / "fleet.toml").write_text("".join(lines))
        command = ["push", str(tmp_path / "fix.mcu"), "--fleet", str(tmp_path / "fleet.toml"), "--confirm", *QUICK]
        assert cli.invoke([*command, "--canary", "20%", "--max-failures", "4", "--json"]) == 1
        told = json.loads(capsys.readouterr().out)
        assert (told["tried"], told["reasons"], len(told["waiting"])) == (1, ["E_SELF_TEST"], 4)
        assert "not healthy" in told["stopped"]
        assert [state(d.address)[0] for d in fleet] == [[]] * 5
        assert sorted(state(d.address)[1] for d in fleet) == [0, 0, 0, 0, 1]  # a failed trial counts, too
