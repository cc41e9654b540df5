# SPDX-License-Identifier: Apache-2.0
"""Commands carry authority: a device process obeys its operator, and nobody else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers import operated, packages

from mcuedit import cli
from mcuedit.emulate.devices.device_process import DeviceProcess
from mcuedit.fleet import transport
from mcuedit.fleet.transport import Refused, upload
from mcuedit.fleet.transport.authority import Operator
from mcuedit.fleet.transport.reasons import UNAUTHORIZED


@pytest.fixture(autouse=True)
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCUEDIT_REGISTRY", str(tmp_path / "registry.sqlite"))


@pytest.fixture
def device(device_program: Callable[..., Path], tmp_path: Path) -> Iterator[DeviceProcess]:
    with DeviceProcess(device_program(), tmp_path / "flash", device_id="pump-7") as running:
        yield running


def test_an_operator_commands_and_nobody_else(device: DeviceProcess) -> None:
    package = packages.package()
    with transport.Device(device.address) as link:
        assert list(upload(link, package))[-1] == len(package)  # into an empty slot
        slot = next(s for s in link.status().slots if s.name)
        before = link.status()
        for command in (
            lambda: link.activate(1 << slot.index),
            lambda: link.activate(0),
            link.confirm,
            link.rollback,
            lambda: link.drop(slot.index, erase=False),
            lambda: link.drop(slot.index, erase=True),
            lambda: link.outcome(0, False),
            link.reset,
        ):
            with pytest.raises(Refused) as refused:
                command()
            assert (refused.value.name, refused.value.reason) == ("E_AUTHORITY", UNAUTHORIZED)
            assert "--operator-key" in refused.value.hint
        assert link.status() == before
    with operated.Device(device.address) as link:
        assert link.activate(1 << slot.index) == 1 << slot.index
        assert link.confirm() == 1 << slot.index
        assert link.rollback() == 0
        link.outcome(0, True)
        link.reset()
        link.drop(slot.index, erase=True)
        assert link.status().slots[slot.index].state == "empty"


def test_another_key_is_none(device: DeviceProcess) -> None:
    other = Operator(packages.key(4).key.sign)
    with operated.Device(device.address, operator=other) as link, pytest.raises(Refused) as refused:
        link.activate(0, boots=1)
    assert refused.value.name == "E_AUTHORITY"


def test_the_key_is_an_option_of_the_verbs(
    device: DeviceProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "fix.mcu"
    path.write_bytes(packages.package())
    key = operated.write_key(tmp_path)
    monkeypatch.delenv("MCUEDIT_OPERATOR_KEY")
    assert cli.invoke(["push", str(path), "--to", device.address]) == 0
    assert cli.invoke(["activate", "fix", "--to", device.address]) == 2
    assert "E_AUTHORITY" in (said := capsys.readouterr().err)
    assert "--operator-key" in said
    for verb in (["activate", "fix"], ["confirm"], ["rollback"], ["deactivate", "fix", "--erase"]):
        assert cli.invoke([*verb, "--to", device.address, "--operator-key", str(key)]) == 0
