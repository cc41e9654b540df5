# SPDX-License-Identifier: Apache-2.0
"""A stolen release key is taken out of service without new firmware: by verbs, through power cuts, on a virtual M4."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers import operated, packages
from helpers.operated import Device

from mcuedit import cli
from mcuedit.boards import board
from mcuedit.emulate.devices.device_process import POWER_CUT, DeviceProcess, Faults
from mcuedit.emulate.devices.serve import serve
from mcuedit.emulate.devices.updatable import DeviceSetup, build_device, build_program
from mcuedit.fleet import revoking
from mcuedit.fleet.transport import Refused, SlotState, TransportError, upload
from mcuedit.model.bundle import Base
from mcuedit.package.revocation import Revocation, Roots, id_of

STOLEN, SPARE, ROOTS = 0, 1, (20, 21, 22)
KEYS = [packages.public(STOLEN), packages.public(SPARE)]
SETUP = DeviceSetup(operators=operated.SETUP.operators, roots=Roots.of([packages.public(seed) for seed in ROOTS]))
MADE = Revocation(1, (id_of(KEYS[0]),)).signed(packages.key(ROOTS[0])).signed(packages.key(ROOTS[2]))
BY_STOLEN = packages.package(signer=STOLEN, counter=1, name="theirs")
BY_SPARE = packages.package(signer=SPARE, counter=2, name="ours")


@pytest.fixture(autouse=True)
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCUEDIT_REGISTRY", str(tmp_path / "registry.sqlite"))


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_program(Base("base", packages.model()), KEYS, tmp_path_factory.mktemp("program"), SETUP)


def told(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> dict[str, object]:
    assert cli.invoke([*map(str, arguments), "--json"]) == code, capsys.readouterr().err
    out = json.loads(capsys.readouterr().out)
    assert isinstance(out, dict)
    return out


def test_roots_sign_one_after_another_and_a_fleet_goes_on_with_the_spare_key(
    program: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made, stolen = tmp_path / "keys.rev", tmp_path / "stolen.pub"
    stolen.write_bytes(KEYS[0].imgtool().get_public_pem())
    (tmp_path / "theirs.mcu").write_bytes(BY_STOLEN)
    (tmp_path / "ours.mcu").write_bytes(BY_SPARE)
    with DeviceProcess(program, tmp_path / "flash") as device:
        (tmp_path / "fleet.toml").write_text(f'[[device]]\nname = "press"\naddress = "{device.address}"\n')
        at, fleet = ("--to", device.address), ("--fleet", tmp_path / "fleet.toml")
        first = operated.write_key(tmp_path, ROOTS[1])
        assert told(capsys, "revoke", stolen, "--version", 1, "--key", first, "-o", made)["revoked"] == [id_of(KEYS[0])]
        assert cli.invoke(["revoke", "--list", str(made), "--key", str(first)]) != 0  # the same root once more
        assert cli.invoke(["push", str(made), *at]) != 0
        assert "E_AUTHORITY" in capsys.readouterr().err
        signed = told(capsys, "revoke", "--list", made, "--key", operated.write_key(tmp_path, ROOTS[2]))
        assert len(signed["signed_by"]) == 2
        assert told(capsys, "push", tmp_path / "theirs.mcu", *at, "--confirm")["state"] == "confirmed"
        assert told(capsys, "push", made, *fleet)["lapsed"] == ["press"]  # and once more:
        assert told(capsys, "push", made, *at)["already"] is True
        status = told(capsys, "status", *at)
        assert (status["revocation"], status["revoked_keys"]) == (1, [id_of(KEYS[0])])
        assert status["active_of_revoked_keys"] == [1]
        assert told(capsys, "push", tmp_path / "ours.mcu", *at, "--confirm")["state"] == "confirmed"
        assert told(capsys, "push", tmp_path / "theirs.mcu", *at, "--activate", code=1)["reason"] == "E_REVOKED"
        device.stop()
        device.start()
        assert (device.error, told(capsys, "status", *at)["active_names"]) == ("", ["ours@1.2.0"])


def test_the_power_may_go_at_each_step(program: Path, tmp_path: Path) -> None:
    versions = set()
    for operation in range(1, 100):
        faults = Faults(cut=operation, cut_mode=("before", "torn", "after")[operation % 3])
        with DeviceProcess(program, tmp_path / f"flash-{operation}", faults=faults) as running:
            with Device(running.address, timeout=0.05, tries=1) as device:
                try:
                    device.revoke_keys(MADE.data)
                    break
                except TransportError:
                    assert running.wait() == POWER_CUT
            running.stop()
            running.start()
            with Device(running.address) as device:
                versions.add(device.status().revocation)
                assert revoking.revoke(device, MADE, tmp_path / f"registry-{operation}")[0].version == 1
    assert operation > 20
    assert versions <= {0, 1}


def test_a_virtual_m4_takes_the_list_and_the_spare_key(tmp_path: Path) -> None:
    machine = board.load("virt-m4")
    built = build_device(Base("base", packages.model()), KEYS, machine, tmp_path, SETUP)
    with serve("unicorn", machine, built.elf) as port, Device(f"tcp:127.0.0.1:{port}") as device:
        with pytest.raises(Refused, match="E_SIGNATURE"):
            device.revoke_keys(MADE.data[:-1] + bytes([MADE.data[-1] ^ 1]))
        assert revoking.revoke(device, MADE)[1].revoked == MADE.keys
        with pytest.raises(Refused, match="E_REVOKED"):
            list(upload(device, BY_STOLEN))
        list(upload(device, BY_SPARE))
        assert [slot.name for slot in device.status().slots if slot.state == SlotState.STAGED] == ["ours"]
