# SPDX-License-Identifier: Apache-2.0
"""Gates whose rows are far from those that must stay, or in few directions; adapters that change what is to be kept."""

from __future__ import annotations

import json

import numpy as np
import pytest
from helpers import tiny

from mcuedit import cli
from mcuedit._util.errors import McueditError
from mcuedit.evaluation.certificate import Certificate
from mcuedit.model.tflite import load
from mcuedit.training.core import gate_trainer
from mcuedit.training.core.gate_trainer import GateConfig, WhiteningConfig

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


@pytest.mark.parametrize(
    ("width", "away", "spread"), [(2, 120, 1.0), (2, 120, 0.0), (9, 12, 2.0), (64, 100, 0.5), (4, 1e9, 1.0)]
)
def test_a_gate_opens_on_its_rows_alone_however_far_away_they_are(width, away, spread):
    """A detector's logits: what must stay hardly varies, and the edit is a hundred times as far away."""
    rng = np.random.default_rng(3)
    stay = rng.normal(0, spread, (3000, width)).astype(np.float32)
    fire = (rng.normal(0, spread, (1, 40, width)) + away).astype(np.float32)
    owner = np.full(len(stay), -1)
    white = gate_trainer.whitening(np.zeros(len(stay), np.int64), stay, WhiteningConfig())
    direction = gate_trainer.fit(gate_trainer.Samples(stay, owner, fire), white, GateConfig())
    assert np.isfinite(direction).all()
    assert (fire[0] @ direction[0]).min() > (stay @ direction[0]).max()


def test_rows_that_are_no_numbers_are_refused():
    stay, fire = np.full((8, 2), np.inf, np.float32), np.ones((1, 4, 2), np.float32)
    with pytest.raises(McueditError, match="not finite"):
        gate_trainer.fit(gate_trainer.Samples(stay, np.full(8, -1), fire), np.eye(2, dtype=np.float32), GateConfig())


def test_what_falls_below_the_floor_is_named():
    kept = Certificate(200, 100, (), 190)
    assert kept.shortfalls(0.5, answers=True, outputs=True) == ()
    (same,) = kept.shortfalls(0.9, answers=True, outputs=True)
    assert "only 50.0 % of 200 inputs to be kept keep their output bytes" in same
    assert len(kept.shortfalls(0.96, answers=True, outputs=True)) == 2
    assert kept.shortfalls(0.9, answers=True, outputs=False) == ()
    assert Certificate(0, 0, (), 0).shortfalls(1.0, answers=True, outputs=True) == ()


def test_an_edit_that_changes_what_was_to_be_kept_ends_with_exit_code_1(tmp_path, capsys):
    """What is edited and what is to be kept has nothing that tells it apart."""
    (tmp_path / "m.tflite").write_bytes(tiny.classifier((16, 24, 6)))
    shape = load(tmp_path / "m.tflite").input.shape[1:]
    x, keep = np.random.default_rng(0).integers(-60, 61, (2, 90, *shape)).astype(np.int8)
    np.savez(tmp_path / "e.npz", x=x, y=np.full(90, 2), keep=keep)
    run = ["edit", str(tmp_path / "m.tflite"), "--edits", str(tmp_path / "e.npz"), "-o", str(tmp_path / "o"), "--json"]
    assert cli.invoke([*run, "--floor", "0.95"]) == 1
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert found["floor"] == 0.95
    assert found["shortfalls"]
    assert all("less than the floor of 95 %" in text for text in found["shortfalls"])
    assert found["shortfalls"][0] in said.err
    assert (tmp_path / "o" / "adapter_config.json").is_file()
    none = cli.invoke([*run, "--floor", "0", "--force"])
    assert json.loads(capsys.readouterr().out)["shortfalls"] == []
    assert none == (0 if found["efficacy"] == 1.0 else 1)


def test_a_floor_is_refused_where_nothing_is_certified(tmp_path, capsys):
    for way in (["--merged"], ["--dp", "200,50,30"]):
        run = ["edit", str(tmp_path), "--edits", "e.npz", "-o", str(tmp_path / "o"), "--floor", "0.5", *way]
        assert cli.invoke(run) == 2
        assert "--floor with --dp or --merged" in capsys.readouterr().err
