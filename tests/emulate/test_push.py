# SPDX-License-Identifier: Apache-2.0
"""The verbs on devices: real processes over UDP, a virtual Cortex-M and QEMU over the socket of their UART."""

from __future__ import annotations

import json
import shutil
import sqlite3
from itertools import count

import pytest
from helpers import deltas, packages, tiny
from helpers.operated import SEED, SETUP, Device

from mcuedit import cli
from mcuedit.boards import board
from mcuedit.emulate.devices.device_process import POWER_CUT, DeviceProcess, Faults
from mcuedit.emulate.devices.serve import serve
from mcuedit.emulate.devices.updatable import build_device
from mcuedit.model.adaptable import OUTPUT
from mcuedit.model.bundle import Base

QUICK = ("--timeout", "1", "--tries", "4")


@pytest.fixture(autouse=True)
def registry(tmp_path, monkeypatch):
    path = tmp_path / "registry.sqlite"
    monkeypatch.setenv("MCUEDIT_REGISTRY", str(path))
    return path


@pytest.fixture
def verb(capsys):
    """Runs a verb with --json; its values, or the error's two lines."""

    def run(*args: object, code: int = 0, quick: tuple[str, ...] = QUICK):
        found = cli.invoke([*map(str, args), *quick, "--json"])
        out, err = capsys.readouterr()
        assert found == code, err or out
        return json.loads(out) if out else err

    return run


@pytest.fixture
def package(tmp_path):
    """Writes a package."""

    def make(name: str = "fix", **options):
        path = tmp_path / f"{name}-{options.get('counter', 1)}.mcu"
        path.write_bytes(packages.package(name=name, **options))
        return path

    return make


@pytest.fixture
def device(device_program, tmp_path):
    with DeviceProcess(device_program(), tmp_path / "flash", device_id="pump-7") as running:
        yield running


def big() -> dict:
    """Of a package that takes several messages."""
    return {"adapter": packages.fact(labels=dict.fromkeys(range(6), "x" * 250))}


def test_a_package_becomes_the_confirmed_one(verb, package, device):
    told = verb("push", package(counter=3), "--to", device.address, "--confirm")
    assert (told["state"], told["device"], told["active_names"]) == ("confirmed", "pump-7", ["fix@1.2.0"])
    told = verb("status", "--to", device.address)
    assert (told["in_trial"], told["minimum_counter"], told["log"]) == (False, 3, "ok")
    assert told["base_sha256"] == packages.model().sha256
    assert told["slot_state"].count("confirmed") == 1
    told = verb("log", "--to", device.address)
    assert told["event"] == ["erase", "stage", "trial", "confirm"]
    assert (told["valid"], told["tied"]) == (True, True)
    assert verb("push", package(counter=3), "--to", device.address, "--confirm")["state"] == "already"


def test_trials_step_by_step(verb, package, device):
    to = ("--to", device.address)
    assert verb("push", package("a", counter=1), *to)["state"] == "staged"
    assert verb("push", package("b", counter=2), *to)["state"] == "staged"
    assert verb("status", *to)["active"] == []
    told = verb("activate", "a", *to, "--ab", "25%", "--boots", 9)
    assert (told["in_trial"], told["active_names"], told["ab"], told["boots_left"]) == (True, ["a@1.2.0"], 25, 9)
    told = verb("confirm", *to)
    assert (told["in_trial"], told["active_names"]) == (False, ["a@1.2.0"])
    assert verb("activate", "b", *to)["active_names"] == ["a@1.2.0", "b@1.2.0"]
    assert verb("rollback", *to)["active_names"] == ["a@1.2.0"]
    assert verb("status", *to)["slot_state"].count("revoked") == 1
    told = verb("deactivate", *to)
    assert (told["active"], told["in_trial"]) == ([], True)
    assert verb("confirm", *to)["confirmed"] == []
    assert verb("rollback", *to)["active_names"] == ["a@1.2.0"]


def test_going_back_to_an_older_version_names_its_counter(verb, package, device):
    to = ("--to", device.address)
    verb("push", package("a", counter=1), *to, "--confirm")
    verb("push", package("a", counter=2), *to, "--confirm")
    said = verb("activate", 1, *to, code=2)
    assert "E_COUNTER" in said
    assert "--older" in said
    assert "--older 1" in verb("activate", 1, *to, "--older", 2, code=2)
    assert verb("activate", 1, *to, "--older", 1)["active"] == [1]
    assert verb("confirm", *to)["minimum_counter"] == 2


def test_what_is_older_than_the_confirmed_one_is_retired(verb, package, device):
    to = ("--to", device.address)
    verb("push", package("a", counter=1), *to, "--confirm")
    verb("push", package("b", counter=2), *to, "--confirm")
    verb("push", package("c", counter=3), *to)
    verb("push", package("a", counter=4), *to, "--activate")
    told = verb("confirm", *to, "--retire")
    assert (told["confirmed"], told["retired_names"]) == ([2, 4], ["a@1.2.0", "c@1.2.0"])
    assert verb("log", *to)["event"][-3:] == ["confirm", "revoke", "revoke"]
    assert "E_REVOKED" in verb("activate", 1, *to, code=2)
    assert verb("push", package("a", counter=1), *to, code=1)["reason"] == "E_REVOKED"
    assert verb("confirm", *to, "--retire")["retired"] == []
    assert verb("rollback", *to)["active"] == []  # what was before has an older one


def test_a_slot_is_erased_or_revoked(verb, package, device):
    to = ("--to", device.address)
    verb("push", package("a", counter=1), *to, "--confirm")
    verb("push", package("b", counter=2), *to)
    assert "E_STATE" in verb("deactivate", "a", *to, "--erase", code=2)
    verb("deactivate", "b", *to, "--erase")
    assert "no slot b" in verb("activate", "b", *to, code=2)
    assert verb("deactivate", "a", *to, "--revoke")["active"] == []
    told = verb("push", package("a", counter=1), *to, code=1)
    assert (told["state"], told["reason"]) == ("failed", "E_REVOKED")


def test_a_trial_ends_by_itself_if_nobody_confirms_it(verb, package, device):
    to = ("--to", device.address)
    verb("push", package(counter=1), *to, "--activate", "--boots", 1)
    device.stop()
    device.start()
    assert verb("status", *to)["boots_left"] == 0
    device.stop()
    device.start()
    told = verb("status", *to)
    assert (told["active"], told["in_trial"], told["log"]) == ([], False, "ok")
    assert "expired" in verb("log", *to)["event"]


def test_a_self_test_that_fails_takes_it_back(verb, package, device):
    of, adapter = packages.model(), packages.fact()
    lie = packages.self_tests(of, adapter, lie=True)
    told = verb("push", package(counter=1, self_tests=lie), "--to", device.address, "--confirm", code=1)
    assert (told["state"], told["reason"], told["active"]) == ("unhealthy", "E_SELF_TEST", [])
    true = packages.self_tests(of, adapter)
    assert (
        verb("push", package(counter=2, self_tests=true), "--to", device.address, "--confirm")["state"] == "confirmed"
    )


def test_a_full_store_is_told_apart(verb, package, device_program, tmp_path):
    one_slot = (8, 4096, 4096, 1, 2)
    with DeviceProcess(device_program(), tmp_path / "small", geometry=one_slot) as running:
        verb("push", package("a", counter=1), "--to", running.address, "--confirm")
        told = verb("push", package("b", counter=2), "--to", running.address, code=1)
        assert told["reason"] == "full"
        assert "--erase" in told["hint"]
        assert told["active_names"] == ["a@1.2.0"]


def test_a_push_goes_on_after_the_link_broke(verb, package, device):
    """Datagrams are lost for good in the middle; the same command, later, finishes."""
    path, to = package(counter=1, **big()), ("--to", device.address)
    device.stop()
    device.start(Faults(lose_after=12))
    assert "unreachable" in json.dumps(
        verb("push", path, *to, "--confirm", code=1, quick=("--timeout", "0.4", "--tries", "3"))
    )
    device.stop()
    device.start()
    assert verb("push", path, *to, "--confirm")["state"] == "confirmed"


@pytest.mark.parametrize(("mode", "step"), [("torn", 7), ("before", 12), ("after", 12)])
def test_a_push_goes_on_after_power_failed_at_any_step(verb, package, device, mode, step, tmp_path, monkeypatch):
    """Power fails at one operation of the flash after the other; then the same command finishes what it began."""
    flash, path = tmp_path / "flash", package(counter=2)
    verb("push", package("old", counter=1), "--to", device.address, "--confirm")
    device.stop()
    before = flash.read_bytes()
    for cut in count(1, step):
        flash.write_bytes(before)
        monkeypatch.setenv("MCUEDIT_REGISTRY", str(tmp_path / f"registry-{cut}"))
        device.start(Faults(cut=cut, cut_mode=mode))
        if cli.invoke(["push", str(path), "--to", device.address, "--confirm", "--timeout", "1", "--tries", "2"]) == 0:
            break
        assert device.wait() == POWER_CUT
        device.stop()
        device.start()
        assert "old@1.2.0" in verb("status", "--to", device.address)["active_names"]
        told = verb("push", path, "--to", device.address, "--confirm")
        assert told["state"] in ("confirmed", "already")
        assert sorted(told["active_names"]) == ["fix@1.2.0", "old@1.2.0"]
        device.stop()
    assert cut > 10


def test_an_outdated_registry_is_not_trusted_blindly(verb, package, device, registry, tmp_path):
    """The flash of before is put back: found by its log, and accepted only on demand."""
    to = ("--to", device.address)
    verb("push", package(counter=1), *to, "--confirm")
    device.stop()
    flash = tmp_path / "flash"
    old = flash.read_bytes()
    device.start()
    verb("push", package(version="1.3.0", counter=2), *to, "--confirm")
    device.stop()
    flash.write_bytes(old)
    device.start()
    told = verb("status", *to, code=1)
    assert "its log has" in told["log"]
    assert "--accept" in verb("confirm", *to, code=2)
    assert verb("log", *to, code=1)["valid"] is False
    assert verb("log", *to, "--accept")["valid"] is True
    assert verb("status", *to)["log"] == "ok"
    with sqlite3.connect(registry) as kept:
        assert kept.execute("SELECT count(*) FROM deployments WHERE state = 'accepted'").fetchone() == (1,)


def test_two_arms_are_counted_and_a_bad_one_is_not_confirmed(verb, package, device):
    """Who asks picks the arm: always the same one for one person, and both for many."""
    to, of = ("--to", device.address), packages.model()
    verb("push", package(counter=1), *to, "--activate", "--ab", "50%")
    with Device(device.address) as link:
        asked = [link.infer(bytes(of.input.size), who=f"user {i}").arm for i in range(20)]
        assert asked == [link.infer(bytes(of.input.size), who=f"user {i}").arm for i in range(20)]
        for arm, good in (0, True), (1, True), (1, False), (1, False):
            link.outcome(arm, good)
    told = verb("status", *to)
    assert (told["arm_confirmed_runs"], told["arm_trial_runs"]) == (2 * asked.count(0), 2 * asked.count(1))
    assert 0 < told["arm_trial_runs"] < 40
    assert (told["arm_trial_good"], told["arm_trial_bad"], told["arm_confirmed_good"]) == (1, 2, 1)
    told = verb("push", package(counter=1), *to, "--confirm", code=1)
    assert (told["state"], told["in_trial"]) == ("unhealthy", True)
    assert verb("rollback", *to)["active"] == []


def test_a_damaged_package_is_told_and_pushed_again(verb, package, device, tmp_path):
    """Flash loses a bit: the device goes on with what still holds, and the host says so."""
    to, path = ("--to", device.address), package(counter=1)
    verb("push", path, *to, "--confirm")
    device.stop()
    flash = bytearray((tmp_path / "flash").read_bytes())
    flash[flash.index(path.read_bytes()) + 60] ^= 1
    (tmp_path / "flash").write_bytes(flash)
    device.start()
    told = verb("status", *to, code=1)
    assert (told["active"], told["damage"]) == ([], "E_HASH")
    assert verb("push", package(version="1.2.1", counter=2), *to, "--confirm")["active_names"] == ["fix@1.2.1"]
    assert verb("status", *to)["damage"] == ""


@pytest.fixture(scope="module")
def firmware(tmp_path_factory):
    """The device's app on a board."""

    def make(name: str):
        base = Base("base", packages.model())
        return build_device(base, [packages.public()], board.load(name), tmp_path_factory.mktemp(name), SETUP).elf

    return make


@pytest.mark.parametrize(("emulator", "name"), [("unicorn", "virt-m4"), ("qemu", "mps2-an386")])
def test_a_microcontroller_takes_a_package_over_its_uart(verb, package, firmware, emulator, name):
    if emulator == "qemu" and not shutil.which("qemu-system-arm"):
        pytest.skip("no qemu-system-arm")
    with serve(emulator, board.load(name), firmware(name)) as port:
        to = ("--to", f"tcp:127.0.0.1:{port}", "--timeout", "20")
        told = verb("push", package(counter=4), *to, "--confirm", quick=())
        assert (told["state"], told["active_names"]) == ("confirmed", ["fix@1.2.0"])
        told = verb("status", *to, quick=())
        assert (told["active_names"], told["minimum_counter"], told["log"]) == (["fix@1.2.0"], 4, "ok")


@pytest.mark.parametrize(("asked", "told"), [((), "E_GEOMETRY"), (("--serve", "2"), "confirmed")])
def test_an_adapter_at_an_op_without_weights_needs_firmware_that_serves_it(verb, package, tmp_path, asked, told):
    """SOFTMAX, by its output: the console names the op, and the device takes what acts there."""
    of = packages.model()
    (tmp_path / "base.tflite").write_bytes(tiny.classifier())
    (tmp_path / "key.pub").write_bytes(packages.key().get_public_pem())
    (tmp_path / "operator.pub").write_bytes(packages.key(SEED).get_public_pem())
    at_softmax = deltas.adapter(of, deltas.delta(of, 2 | OUTPUT, 2))
    keys = ("--key", tmp_path / "key.pub", "--operator", tmp_path / "operator.pub")
    verb("firmware", tmp_path / "base.tflite", *keys, *asked, "-o", tmp_path / "device", quick=())
    with DeviceProcess(tmp_path / "device", tmp_path / "flash", device_id="pump-7") as running:
        code = 1 if not asked else 0
        found = verb("push", package(adapter=at_softmax), "--to", running.address, "--confirm", code=code)
    assert told in (found["state"], found.get("reason"))
