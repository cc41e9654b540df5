# SPDX-License-Identifier: Apache-2.0
"""The committed base `words`, its edit sets, what it hears, and the bench of new keywords."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import numpy as np
import pytest

from mcuedit import cli, zoo
from mcuedit._util.errors import McueditError
from mcuedit.edits import is_spare, load_tensors
from mcuedit.emulate.runner import best_oracle
from mcuedit.model import bundle as bases
from mcuedit.model.tflite import load
from mcuedit.zoo.words import bench, data, speech
from mcuedit.zoo.words.bench import ADAPTER, DEVICE, LAST, NEAREST, Known, Task
from mcuedit.zoo.words.mfcc import hearing, mfcc
from mcuedit.zoo.words.speech import Recordings

SHARED = Path(__file__).parents[4] / "shared"


@pytest.fixture(scope="module")
def base() -> bases.Base:
    return bases.load(zoo.folder("words"))


def test_model(base: bases.Base) -> None:
    assert base.model.ops[-2].kind == "FULLY_CONNECTED"
    assert base.model.input_shape == (49, 40, 1)
    assert (float(base.model.input.scale[0]), base.model.input.zero) == (1 / 128, 0)
    assert len(base.model.data) <= 100_000
    assert base.labels == tuple(data.labels())
    assert sum(map(is_spare, base.labels)) == data.SPARES


def test_voices_of_the_test_are_none_of_training() -> None:
    train, test = data.load()
    assert not set(train.speakers) & set(test.speakers)
    assert set(data.COMMANDS) < set(train.words)


@pytest.mark.parametrize("kind", ["keyword", "speaker"])
def test_edit_sets(base: bases.Base, tmp_path: Path, kind: str) -> None:
    (tmp_path / "edits.npz").write_bytes(bytes(zoo.draw_files("words", kind, None, 1)["edits.npz"]))
    found = load_tensors(tmp_path / "edits.npz", base.model.input, len(base.labels))
    assert len(found.x) == 10
    wanted = np.unique(found.wanted.classes)
    assert len(wanted) == 1
    assert is_spare(base.labels[wanted[0]]) == (kind == "keyword")
    assert len(found.x_test)
    assert len(found.keep)
    assert len(found.keep_test)


def test_too_many_recordings_are_refused() -> None:
    with pytest.raises(McueditError, match="40 recordings, there are 10"):
        zoo.draw_files("words", "keyword", 40, 1)
    with pytest.raises(McueditError, match="no voice has 44 recordings"):
        zoo.draw_files("words", "speaker", 40, 1)


def test_keywords_are_added_and_measured(base: bases.Base) -> None:
    train, test = data.load()
    said = Recordings(*(np.concatenate([getattr(p, n) for p in (train, test)]) for n in ("x", "words", "speakers")))
    known = Known(base, best_oracle(base.model), said)
    names = np.unique(train.speakers), np.unique(test.speakers)
    new = np.setdiff1d(np.unique(said.words), data.COMMANDS)[:1]
    task = Task(said, np.array(data.COMMANDS), new, *names, data.FIRST_SPARE)
    rows = {row.method: row for row in bench.bench(known, task, [1], methods=(NEAREST, LAST, ADAPTER, DEVICE))}
    assert all(0 <= row.heard <= 1 for row in rows.values())
    assert rows[ADAPTER].identical >= 0.9 > rows[LAST].identical
    assert rows[ADAPTER].size < rows[NEAREST].size


def test_the_threshold_lets_one_in_a_hundred_through() -> None:
    other = np.arange(1000.0)
    assert bench.at_false(np.array([988.0, 989.0, 990.0, 2000.0]), other) == 0.5


def write(path: Path, rate: int = 16000, channels: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tone = (8000 * np.sin(np.arange(rate) / 5)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.repeat(tone, channels).tobytes())


def test_folders_of_recordings(tmp_path: Path) -> None:
    pytest.importorskip("pymicro_features", reason="pip install 'mcuedit[wake]'")
    write(tmp_path / "zoom_in" / "anna_1.wav")
    write(tmp_path / "yes" / "0001_nohash_0.wav")
    found = speech.read_folder(tmp_path)
    assert (found.words.tolist(), found.speakers.tolist()) == (["yes", "zoom in"], ["0001", "anna"])
    assert found.x.shape == (2, 49, 40, 1)
    assert found.x.dtype == np.int8
    assert found.x.max() > 0  # the tone
    assert (speech.heard(np.zeros(8000, np.int16)) == -128).all()


@pytest.mark.parametrize(
    ("rate", "channels", "message"),
    [(8000, 1, "8,000 Hz, 1 channels, 16 bits"), (16000, 2, "16,000 Hz, 2 channels, 16 bits")],
)
def test_other_recordings_are_refused(tmp_path: Path, rate: int, channels: int, message: str) -> None:
    write(tmp_path / "yes" / "anna_1.wav", rate, channels)
    with pytest.raises(McueditError, match=message):
        speech.read_folder(tmp_path)


def test_no_recordings_are_named(tmp_path: Path) -> None:
    with pytest.raises(McueditError, match="no WAV files in folders of words"):
        speech.listed(tmp_path)
    (tmp_path / "yes").mkdir()
    (tmp_path / "yes" / "anna.wav").write_bytes(b"RIFF")
    with pytest.raises(McueditError, match="no WAV file that can be read"):
        speech.read_folder(tmp_path)


def test_a_net_of_another_front_end_is_refused() -> None:
    with pytest.raises(McueditError, match=r"no front end gives \[96, 96, 1\]"):
        hearing((96, 96, 1))


def test_the_keyword_net_of_mlperf_tiny_hears_what_is_said() -> None:
    model, sounds = SHARED / "models" / "kws_ref_model.tflite", SHARED / "data"
    if not model.exists():
        pytest.skip("no reference model")
    net = load(model)
    x = np.stack([mfcc(speech.read(sounds / f"{name}_1000ms.wav")) for name in ("yes", "silence")])[..., None]
    end = net.ops[-2].outputs[0]
    answer = best_oracle(net).activations(x, [end])[end].reshape(2, -1).argmax(axis=1)
    assert answer.tolist() == [9, 10]


def test_the_verb(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert cli.invoke(["zoo", "edits", "words", str(tmp_path / "new"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["files"] == ["edits.npz"]
    assert cli.invoke(["bench", "words", str(zoo.folder("words")), "--speech", str(tmp_path)]) == 2
    assert "WORD/SPEAKER" in capsys.readouterr().err
