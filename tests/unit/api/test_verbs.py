# SPDX-License-Identifier: Apache-2.0
"""Every verb that does something is a function, too, which does the same."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import packages, tiny
from helpers.flashing import device_bytes
from helpers.operated import SETUP

import mcuedit
from mcuedit import cli, zoo
from mcuedit._util.errors import McueditError
from mcuedit.api.inputs import facts_of

ROOT = Path(__file__).resolve().parents[3]

FUNCTIONS = {
    "zoo": "export_base",
    "quantize": "quantize",
    "inspect": "describe",
    "edit": "edit",
    "eval": "evaluate",
    "emit": "emit",
    "strip": "base_of",
    "run": "simulate",
    "flash": "flash",
    "keygen": "generate_key",
    "pack": "pack",
    "firmware": "build_firmware",
    "verify": "open_package",
    "push": "push",
    **dict.fromkeys(("status", "activate", "deactivate", "confirm", "rollback", "log"), "Device"),
    "learn": "learn",
    "revoke": "revoking",
    "wake": "repair_wake_word",
    "federate": "aggregate",
    "registry": "open_registry",
}
SHOWS = {"demo", "bench", "boards", "doctor"}  # they print what the others do, or what is there


def test_every_verb_has_its_function():
    assert set(cli.VERBS) - set(FUNCTIONS) == SHOWS
    for name in FUNCTIONS.values():
        assert callable(getattr(mcuedit, name)), name


def test_the_guide_names_the_function_of_every_verb():
    guide = (ROOT / "docs" / "guides" / "setup.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`\w+`[^|]*) \| (.*) \|$", guide.partition("## In Python")[2], re.M)
    named = {verb: told for verbs, told in rows for verb in re.findall(r"\w+", verbs)}
    assert named.keys() == FUNCTIONS.keys()
    for verb, told in named.items():
        assert f"`mcuedit.{FUNCTIONS[verb]}`" in told


@pytest.fixture(scope="module")
def corrections(tmp_path_factory):
    """Edits and a keep set, small."""
    folder = tmp_path_factory.mktemp("corrections")
    facts = facts_of(mcuedit.load_base(zoo.folder("facts")))
    edits = [{**facts[i].to_dict(), "target_new": facts[i + 9].target_new} for i in (4, 40)]
    (folder / "edits.jsonl").write_text("".join(json.dumps(edit) + "\n" for edit in edits))
    kept = [{"prompt": prompt} for fact in facts[50:110] for prompt in fact.prompts[:2]]
    (folder / "keep.jsonl").write_text("".join(json.dumps(line) + "\n" for line in kept))
    return folder / "edits.jsonl", folder / "keep.jsonl"


def test_what_a_device_learns_is_measured_as_the_verb_prints_it(corrections, capsys):
    edits, keep = corrections
    base = mcuedit.load_base(zoo.folder("facts"))
    learned = mcuedit.learn(base, mcuedit.load_edits(edits), keep, mcuedit.LearnOptions(tap="3", target="4"))
    assert learned.instructions == ()  # the numpy twin
    where = ["--edits", str(edits), "--keep", str(keep), "--tap", "3", "--target", "4"]
    code = cli.invoke(["learn", str(zoo.folder("facts")), *where, "--json"])
    told = json.loads(capsys.readouterr().out)
    assert {name: told[name] for name in learned.metrics.flat()} == learned.metrics.flat()
    assert told["refused"] == len(learned.refused)
    assert code == (learned.metrics.efficacy != 1.0)


def test_a_dry_flash_has_the_command_lines_of_the_verb(tmp_path, capsys):
    (tmp_path / "fix.bin").write_bytes(device_bytes())
    in_slot = mcuedit.InSlot((tmp_path / "fix.bin").read_bytes(), 1)
    flashed = mcuedit.flash("nrf52840dk", None, in_slot, mcuedit.FlashOptions(runner="openocd", dry_run=True))
    assert list(flashed.states.values()) == [""]
    where = ["--adapter", str(tmp_path / "fix.bin"), "--slot", "1", "--runner", "openocd", "--dry-run", "--json"]
    assert cli.invoke(["flash", "nrf52840dk", *where]) == 0
    assert json.loads(capsys.readouterr().out)["commands"] == [shlex.join(argv) for argv in flashed.commands.lines]
    with pytest.raises(McueditError, match="nothing to write"):
        mcuedit.flash("nrf52840dk")


def test_what_is_no_package_is_refused_before_a_device_is_reached(tmp_path):
    good = packages.package()
    with pytest.raises(mcuedit.Refused):
        mcuedit.push(good[:-1] + bytes([good[-1] ^ 1]), "udp:127.0.0.1:9", keys=[packages.public()])
    with pytest.raises(McueditError, match="nowhere"):
        mcuedit.push(good, "nowhere")
    with pytest.raises(McueditError, match="no goal 'failed'"):
        mcuedit.push(good, "udp:127.0.0.1:9", options=mcuedit.PushOptions(goal="failed"))


def test_a_device_for_this_machine_is_built(tmp_path):
    (tmp_path / "base.tflite").write_bytes(tiny.classifier())
    base = mcuedit.load_base(tmp_path / "base.tflite")
    built = mcuedit.build_firmware(base, [packages.public()], setup=SETUP)
    assert (built.board, built.flash, built.ram) == ("", 0, 0)
    assert np.frombuffer(built.data, np.uint8, 4).tolist() != [0, 0, 0, 0]
    with pytest.raises(McueditError, match="op 7: the model has ops"):
        mcuedit.build_firmware(base, [packages.public()], setup=replace(SETUP, serve=(7,)))
