# SPDX-License-Identifier: Apache-2.0
"""What the verbs on devices say, and what they do after they were killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading

import pytest
from helpers import packages
from helpers.interruptible import MCUEDIT
from helpers.standin import Served, Standin
from helpers.waiting import WAIT

from mcuedit import cli

QUICK = ["--timeout", "1", "--tries", "4"]


@pytest.fixture(autouse=True)
def registry(tmp_path, monkeypatch):
    monkeypatch.setenv("MCUEDIT_REGISTRY", str(tmp_path / "registry.sqlite"))


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "fix.mcu"
    path.write_bytes(packages.package(counter=3))
    return str(path)


def test_what_a_person_reads(capsys, path):
    with Served(Standin(name="pump-7")) as (address,):
        assert cli.invoke(["push", path, "--to", address, "--activate", "--ab", "10%", *QUICK]) == 0
        out = capsys.readouterr().out
        assert "pump-7: fix@1.2.0 is in trial, slot 0" in out
        assert f"in trial, answering 10 %; 3 boots left to confirm it: mcuedit confirm --to {address}" in out
        assert cli.invoke(["status", "--to", address, *QUICK]) == 0
        out = capsys.readouterr().out
        assert packages.model().sha256 in out
        assert "arm trial: 0 inferences, 0 good, 0 bad" in out
        assert cli.invoke(["confirm", "--to", address, *QUICK]) == 0
        assert "pump-7: active: fix@1.2.0" in capsys.readouterr().out
        assert cli.invoke(["log", "--to", address, *QUICK]) == 0
        out = capsys.readouterr().out
        assert "pump-7: 3 records hold; they go on from what was seen before" in out
        assert cli.invoke(["push", path, "--to", address, "--confirm", *QUICK]) == 0
        assert "confirmed there already, in slot 0" in capsys.readouterr().out
        assert cli.invoke(["rollback", "--to", address, *QUICK]) == 0
        assert "the base alone (factory state)" in capsys.readouterr().out


def test_what_cannot_be_is_said_in_two_lines(capsys, path, tmp_path):
    damaged = tmp_path / "damaged.mcu"
    data = bytearray(packages.package())
    data[50] ^= 1
    damaged.write_bytes(data)
    fleet = tmp_path / "fleet.toml"
    with Served(Standin()) as (address,):
        fleet.write_text(f'[[device]]\nname = "a"\naddress = "{address}"\n')
        for arguments, what in (
            (["push", path], "--to and --fleet"),
            (["push", path, "--to", address, "--fleet", str(fleet)], "--to and --fleet"),
            (["push", str(damaged), "--to", address], "E_|hash"),
            (["push", str(tmp_path / "none.mcu"), "--to", address], "none.mcu"),
            (["push", path, "--to", "nowhere"], "no address"),
            (["push", path, "--to", address, "--ab", "0%"], "no share"),
            (["status", "--to", "udp:127.0.0.1:9", *QUICK], "unreachable"),
            (["activate", "nothing", "--to", address], "no slot nothing"),
            (["deactivate", "--to", address, "--erase"], "no slot is named"),
            (["confirm", "--to", address], "E_STATE"),
        ):
            assert cli.invoke(arguments) == 2, arguments
            out, err = capsys.readouterr()
            lines = err.splitlines()
            assert len(lines) == 2, (arguments, err)
            assert any(word in lines[0] for word in what.split("|")), (arguments, err)
            assert lines[1].startswith("hint: ")
            assert not out


def test_a_key_checks_the_package_before_anything_is_sent(capsys, path, tmp_path):
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = tmp_path / "other.pub"
    public = packages.key(1).key.public_key()
    key.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    device = Standin()
    with Served(device) as (address,):
        assert cli.invoke(["push", path, "--to", address, "--key", str(key)]) == 2
    assert not device.asked
    assert "key" in capsys.readouterr().err


@pytest.mark.parametrize("when", ["upload", "activate", "confirm"])
def test_killed_in_the_middle_the_next_command_goes_on(capsys, tmp_path, when):
    """SIGKILL while the device is being asked; the device answers nothing more to that process."""
    path = tmp_path / "fix.mcu"
    path.write_bytes(packages.package(counter=3, adapter=packages.fact(labels=dict.fromkeys(range(6), "x" * 200))))
    device, reached, sent = Standin(buffer=256), threading.Event(), []
    command = {"upload": (1, 1), "activate": (64, 1), "confirm": (64, 2)}[when]

    def stop(group, number, asked):
        sent.append((group, number, asked.get("off")))
        if (group, number) == command and (when != "upload" or asked["off"] > 300):
            reached.set()
        return b"" if reached.is_set() else None

    with Served(device) as (address,):
        device.fault = stop
        arguments = ["push", str(path), "--to", address, "--confirm", *QUICK, "--json"]
        pushing = subprocess.Popen([sys.executable, "-m", "mcuedit", *arguments], stdout=subprocess.DEVNULL)
        assert reached.wait(WAIT)
        os.kill(pushing.pid, signal.SIGKILL)
        assert pushing.wait() == -signal.SIGKILL
        had = len(device.upload[2]) if device.upload else None
        sent.clear()
        device.fault = lambda group, number, asked: sent.append((group, number, asked.get("off")))
        assert cli.invoke(["status", "--to", address, *QUICK, "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told.get("upload_offset") == had
        assert cli.invoke(arguments) == 0
        assert json.loads(capsys.readouterr().out)["state"] == "confirmed"
    assert device.good == 1
    if had:
        offsets = [off for group, number, off in sent if (group, number) == (1, 1)]
        assert offsets[1] == had  # the first one asks; nothing before is sent again


def test_ctrl_c_keeps_what_is_done(tmp_path, capsys):
    """Devices that were in the middle are finished and written down; others are not begun."""
    devices = [Standin(name=f"d{i}") for i in range(6)]
    (tmp_path / "fix.mcu").write_bytes(packages.package(counter=3))
    reached = threading.Event()
    results = tmp_path / "r.jsonl"
    with Served(*devices) as addresses:
        lines = (f'[[device]]\nname = "d{i}"\naddress = "{a}"\n' for i, a in enumerate(addresses))
        (tmp_path / "fleet.toml").write_text("".join(lines))
        for device in devices:
            device.fault = lambda group, command, asked: reached.set() if (group, command) == (64, 2) else None
        arguments = ["push", str(tmp_path / "fix.mcu"), "--fleet", str(tmp_path / "fleet.toml"), "--confirm"]
        arguments += ["--results", str(results), "--jobs", "1", *QUICK]
        pushing = subprocess.Popen([*MCUEDIT, *arguments], stderr=subprocess.PIPE, text=True, start_new_session=True)
        assert reached.wait(WAIT)
        os.kill(pushing.pid, signal.SIGINT)
        err = pushing.communicate(timeout=WAIT)[1]
        if pushing.returncode:  # else it was over already
            assert pushing.returncode == 130
            *_, how, last = filter(None, err.splitlines())
            assert how == f"note: interrupted: {results} says what was reached; run the same with --resume to go on"
            assert last == "interrupted"
        assert all(json.loads(line) for line in results.read_text().splitlines())
        done = {d.name for d in devices if d.good}
        written = {json.loads(line)["member"] for line in results.read_text().splitlines()}
        assert done <= written
        assert cli.invoke([*arguments, "--resume", "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
    assert told["done_before"] + told["tried"] == 6
    assert all(d.good == 1 for d in devices)
