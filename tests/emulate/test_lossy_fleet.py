# SPDX-License-Identifier: Apache-2.0
"""A roll-out over devices of which a good quarter lose a fifth of all datagrams each way: every one has it in the end.

The whole fleet: pytest -m slow -s tests/emulate/test_lossy_fleet.py
"""

from __future__ import annotations

import json
from collections import Counter
from contextlib import ExitStack

import pytest
from helpers import packages
from helpers.lossy import Lossy
from helpers.operated import Device

from mcuedit import cli
from mcuedit.emulate.devices.device_process import DeviceProcess

PACKAGE = packages.package(version="2.0.0", counter=5)


@pytest.fixture(autouse=True)
def registry(tmp_path, monkeypatch):
    monkeypatch.setenv("MCUEDIT_REGISTRY", str(tmp_path / "registry.sqlite"))


@pytest.mark.parametrize(("devices", "behind"), [(15, 4), pytest.param(150, 40, marks=pytest.mark.slow)])
def test_every_device_behind_a_link_that_loses_a_fifth_each_way_is_confirmed(
    device_program, tmp_path, capsys, devices, behind
):
    """With the timeouts that everybody has, 5 may fail, and none does."""
    names = [f"d{i:03}" for i in range(devices)]
    with ExitStack() as stack:
        running = {
            name: stack.enter_context(DeviceProcess(device_program(), tmp_path / name, device_id=name))
            for name in names
        }
        links = {
            name: stack.enter_context(Lossy(running[name].port, seed, 0.2, kinds=("lost",)))
            for seed, name in enumerate(names[:: devices // behind][:behind], 1)
        }
        lines = (f'[[device]]\nname = "{n}"\naddress = "{links.get(n, running[n]).address}"\n' for n in names)
        (tmp_path / "fleet.toml").write_text("".join(lines))
        (tmp_path / "fix.mcu").write_bytes(PACKAGE)
        command = ["push", str(tmp_path / "fix.mcu"), "--fleet", str(tmp_path / "fleet.toml"), "--confirm"]
        code = cli.invoke([*command, "--max-failures", "5", "--jobs", "16", "--json"])
        told = json.loads(capsys.readouterr().out)
        assert (code, told.get("failed"), told.get("reasons")) == (0, [], [])
        assert (told["count_confirmed"], told["tried"], told["stopped"]) == (devices, devices, "")
        lost, sent = Counter[str](), Counter[str]()
        for link in links.values():
            for way, where in (link.to, "there"), (link.back, "back"):
                assert way.count["lost"]
                lost[where] += way.count["lost"]
                sent[where] += way.count["sent"]
        for name in names:
            with Device(running[name].address) as device:
                status = device.status()
            assert [status.slots[i].version for i in status.active] == ["2.0.0"], name
            assert not status.in_trial
    with capsys.disabled():
        shares = ", ".join(f"{lost[w]} of {sent[w]} lost {w}" for w in sent)
        print(f"\n{devices} devices, {behind} behind a link ({shares}): all confirmed")
