# SPDX-License-Identifier: Apache-2.0
"""A device that is taught with tensors: a sign that its base has no class for, from eight images of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mcuedit import cli, zoo
from mcuedit._util.errors import McueditError
from mcuedit.api.base import Base, load_base
from mcuedit.api.inputs import tensor_set
from mcuedit.api.learning import LearnOptions, carried, learn
from mcuedit.edits import Avoid, TensorSet
from mcuedit.emulate.options import RunOptions
from mcuedit.ondevice.tensor_corrections import tensor_sessions

HOW = LearnOptions(wordings=8, replay=32, seed=1)


@pytest.fixture(scope="module")
def digits() -> Base:
    return load_base(zoo.folder("digits"))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("signs") / "edits.npz"
    path.write_bytes(bytes(zoo.draw_files("digits", "new", 12, 1)["edits.npz"]))
    return path


@pytest.fixture(scope="module")
def signs(digits: Base, path: Path) -> TensorSet:
    found = tensor_set([path], digits.model)
    return replace(found, x_test=found.x_test[:40], wanted_test=found.wanted_test.take(slice(40)))


def test_a_device_learns_from_tensors_what_its_twin_does(digits: Base, signs: TensorSet) -> None:
    twin = learn(digits, signs, options=HOW)
    assert not twin.refused
    assert (twin.metrics.efficacy, twin.metrics.held_out_before) == (1.0, 0.0)
    assert twin.metrics.held_out >= 0.95
    assert twin.metrics.identical_test >= 0.97
    device = learn(digits, signs, options=replace(HOW, on=RunOptions("unicorn", "virt-m4")))
    assert device == replace(twin, instructions=device.instructions)


def test_what_is_not_told_is_held_out(signs: TensorSet) -> None:
    (session,), data = tensor_sessions(signs, 8, 32, 1)
    assert (len(session.inputs), len(session.confirmed), len(data.x), len(data.x_test)) == (8, 32, 8, 44)
    np.testing.assert_array_equal(session.inputs, data.x)


def test_statistics_of_tensors_have_no_clusters(digits: Base, path: Path) -> None:
    statistics, setup = carried(digits.reader, path, HOW)
    assert statistics.clusters == 0
    assert (setup.tap, setup.target, setup.corrections) == (5, 5, 8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"wordings": 8, "replay": 255, "few": 100}, "100 keep inputs, 255 are asked for"),
        ({"wordings": 8, "replay": 32, "told": 4}, "4 inputs of class 10, 8 are asked for"),
        ({"wordings": 8, "replay": 32, "avoid": True}, "a device learns classes"),
        ({"wordings": 8, "replay": 32, "few": 0}, "0 keep inputs"),
    ],
)
def test_too_little_to_learn_from_is_named(signs: TensorSet, change: dict[str, int], message: str) -> None:
    told = change.get("told", len(signs.x))
    given = replace(
        signs, x=signs.x[:told], wanted=signs.wanted.take(slice(told)), keep=signs.keep[: change.get("few")]
    )
    if "avoid" in change:
        given = replace(given, wanted=Avoid(given.wanted.classes))
    with pytest.raises(McueditError, match=message):
        tensor_sessions(given, change["wordings"], change["replay"], 0)


def test_the_verb_takes_tensors(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = str(zoo.folder("digits"))
    assert cli.invoke(["learn", base, "--edits", str(path), "--budget", "--wordings", "8", "--json"]) == 0
    assert '"tap": 5' in capsys.readouterr().out
    assert cli.invoke(["learn", base, "--edits", str(path), "--keep", str(path)]) == 2
    assert "--keep is for prompts" in capsys.readouterr().err
