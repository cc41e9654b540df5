# SPDX-License-Identifier: Apache-2.0
"""Links that lose, repeat and reorder datagrams, or say other things between frames: the verbs do what they say."""

from __future__ import annotations

import json

import pytest
from helpers import packages
from helpers.lossy import Lossy
from helpers.operated import Device

from mcuedit import cli
from mcuedit.emulate.devices.device_process import DeviceProcess
from mcuedit.fleet.transport import mask_of, upload

SOON = ("--timeout", "0.2", "--tries", "40")  # as patient as by default, but asks again sooner


@pytest.fixture(autouse=True)
def registry(tmp_path, monkeypatch):
    monkeypatch.setenv("MCUEDIT_REGISTRY", str(tmp_path / "registry.sqlite"))


@pytest.fixture
def device(device_program, tmp_path):
    with DeviceProcess(device_program(), tmp_path / "flash", device_id="pump-7") as running:
        yield running


@pytest.fixture
def verb(capsys):
    """Runs a verb with --json; its values."""

    def run(*args: object):
        found = cli.invoke([*map(str, args), *SOON, "--json"])
        out, err = capsys.readouterr()
        assert found == 0, err or out
        return json.loads(out)

    return run


@pytest.mark.parametrize("seed", range(4, 8))
def test_a_package_is_tried_and_kept_over_a_link_that_loses_repeats_and_reorders(device, verb, tmp_path, seed):
    """30 % each, both ways."""
    path = tmp_path / "fix.mcu"
    path.write_bytes(packages.package(counter=3, adapter=packages.fact(labels=dict.fromkeys(range(6), "x" * 250))))
    with Lossy(device.port, seed) as link:
        to = ("--to", link.address)
        assert verb("push", path, *to, "--activate")["state"] == "trial"
        assert verb("status", *to)["in_trial"] is True
        assert verb("confirm", *to)["active_names"] == ["fix@1.2.0"]
        assert verb("log", *to)["event"] == ["erase", "stage", "trial", "confirm"]  # each of them once
        print(f"to the device {dict(link.to.count)}, back {dict(link.back.count)}")
        for way in (link.to, link.back):
            assert {"lost", "repeated", "reordered"} <= {what for what, n in way.count.items() if n}


def test_copies_that_come_much_later_change_nothing(device):
    """A rollback that came twice would undo the set before, too; an activation, begin another trial."""
    with Lossy(device.port, 4, share=0.0) as link, Device(link.address) as host:
        copies: list[bytes] = []
        through = link.to.through
        link.to.through = lambda data: (copies.append(data), through(data))[1]  # type: ignore[method-assign]
        for counter, name in enumerate("ab", 1):
            assert list(upload(host, packages.package(name=name, counter=counter)))
            host.activate(mask_of(tuple(s.index for s in host.status().slots if s.state != "empty")))
            host.confirm()
        host.rollback()
        kept = host.status()
        assert ([kept.slots[i].name for i in kept.active], kept.in_trial) == (["a"], False)
        for copy in copies:
            if copy[4:6] == b"\0\x40" and copy[0] & 7 == 2:  # whatever changed the active set, once more
                link._behind.sendto(copy, ("127.0.0.1", device.port))
        now = host.status()
        assert (now.active, now.in_trial, now.records) == (kept.active, False, kept.records)


def test_a_slot_is_erased_once_by_a_request_that_comes_again_after_the_next_upload(device):
    with Lossy(device.port, 4, share=0.0) as link, Device(link.address) as host:
        list(upload(host, packages.package(name="a")))
        copies: list[bytes] = []
        through = link.to.through
        link.to.through = lambda data: (copies.append(data), through(data))[1]  # type: ignore[method-assign]
        (slot,) = [s.index for s in host.status().slots if s.name == "a"]
        host.drop(slot, erase=True)
        link.to.through = through  # type: ignore[method-assign]
        for counter in range(1, 9):
            list(upload(host, packages.package(name=f"b{counter}")))  # wherever the device puts it
        there = [slot.name for slot in host.status().slots]
        for copy in copies:
            link._behind.sendto(copy, ("127.0.0.1", device.port))
        assert [slot.name for slot in host.status().slots] == there
