# SPDX-License-Identifier: Apache-2.0
"""Repairs of wake words: on a small streaming net, and on one that people have where the wheel is installed."""

from __future__ import annotations

import json
import wave
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from helpers.stateful import listening

from mcuedit._util.errors import McueditError
from mcuedit.api.wake import audio, manifest, outcome, voices
from mcuedit.api.wake import repair as wake
from mcuedit.api.wake.audio import Clip
from mcuedit.api.wake.decision import IGNORED, Rule, cutoff_of
from mcuedit.api.wake.net import Net
from mcuedit.api.wake.repair import Stream, Streams
from mcuedit.cli import invoke
from mcuedit.codegen.augment.ops import ESPHOME
from mcuedit.edits.sound import quantized
from mcuedit.model import bundle
from mcuedit.model.bundle import Base
from mcuedit.model.tflite import parse

WINDOW = 5
MICRO = {"probability_cutoff": 0.5, "sliding_window_size": WINDOW, "feature_step_size": 10, "tensor_arena_size": 30000}


@pytest.fixture(scope="module")
def net() -> Net:
    pytest.importorskip("tflite_micro")
    return Net(Base("tiny", listening()))


@pytest.fixture(scope="module")
def streams(net: Net) -> Streams:
    """Wake phrases excite the first features, what misfires those and one more, all else nothing."""
    rng = np.random.default_rng(0)

    def of(count: int, *levels: int) -> tuple[Stream, ...]:
        found = []
        for i in range(count):
            given = rng.integers(-128, -120, (60, 3, 40)).astype(np.int8)
            for at, level in enumerate(levels):
                given[35:50, :, 4 * at : 4 * at + 4] = level + rng.integers(-9, 9, (15, 3, 4))
            clip = Clip(f"{i % 8}--{levels}", np.full(4, i + 10 * len(levels), np.int16), str(i % 8))
            found.append(Stream(clip, net.heard(given), 1.8))
        return tuple(found)

    return Streams(of(16, 90), of(16, 90, 90), of(4))


@pytest.fixture(scope="module")
def repaired(net: Net, streams: Streams) -> wake.Repaired:
    return wake.repair(net, Rule(127, WINDOW, 3), streams, wake.held_voices(streams))


def folder_of(path: Path, name: str, level: int = 3000, rate: int = 16000, channels: int = 1) -> Path:
    path.mkdir(exist_ok=True)
    samples = (level * np.sin(np.arange(rate // 4 * channels) / 9)).astype("<i2")
    with wave.open(str(path / name), "wb") as file:
        file.setparams((channels, 2, rate, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    return path


def manifest_of(path: Path, **changed: object) -> Path:
    model = path / "tiny.tflite"
    micro = MICRO | {k: v for k, v in changed.items() if k in MICRO}
    data = {"type": "micro", "version": 2, "model": "tiny.tflite", "micro": micro}
    data |= {k: v for k, v in changed.items() if k not in MICRO}
    model.with_suffix(".json").write_text(json.dumps(data))
    return model


def test_a_device_wakes_once_the_window_is_above_the_cutoff_and_not_in_the_first_slices() -> None:
    rule = Rule(100, 3, 3)
    loud = np.zeros(80, np.uint8)
    loud[40:44] = 255
    assert rule.wakes(loud) == [41]  # 510 of three, more than 300
    assert rule.level(loud) == 255
    early = np.zeros(80, np.uint8)
    early[: IGNORED // 3 - 2] = 255
    assert rule.wakes(early) == []
    assert cutoff_of(0.97) == 247
    assert quantized(np.array([0, 333, 666, 5000])).tolist() == [-128, 0, 127, 127]


def test_false_triggers_go_and_wake_phrases_stay_for_voices_that_training_did_not_hear(
    net: Net, streams: Streams, repaired: wake.Repaired
) -> None:
    before, after = repaired.told
    assert repaired.held
    assert (before.fired, before.missed) == (before.others, 0)
    assert (after.fired, after.missed) == (0, 0)
    assert after.identical == after.outputs == 240


def test_the_new_file_gives_in_tflite_micro_what_the_adapter_does(
    net: Net, streams: Streams, repaired: wake.Repaired, tmp_path: Path
) -> None:
    read = manifest.load(manifest_of(tmp_path))
    files, figures = outcome.files(net, repaired, streams, read, None)  # compares the scores of some streams itself
    assert figures["tensor_arena_size"] > 30000
    assert json.loads(files["tiny.json"])["micro"] == MICRO | {"tensor_arena_size": figures["tensor_arena_size"]}
    added = {op.kind for op in parse(files["tiny.tflite"]).ops} - {op.kind for op in net.model.ops}
    assert added <= ESPHOME
    assert files["report.md"].count(" | no |") == 2  # voices held back
    assert {"tiny.tflite", "adapter/adapter_config.json", "report.md"} <= files.keys()
    with pytest.raises(McueditError, match="limit is 30,001"):
        outcome.files(net, repaired, streams, read, 30001)


def test_a_cutoff_is_lowered_as_far_as_nothing_more_wakes_the_device(
    net: Net, streams: Streams, repaired: wake.Repaired
) -> None:
    made = wake.calibrated(net, repaired, streams)
    assert made.after.cutoff < repaired.rule.cutoff
    assert made.trained[1].fired == made.trained[1].accepts == 0


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"version": 1}, "version 2"),
        ({"model": "other.tflite"}, "about 'other.tflite'"),
        ({"probability_cutoff": 1.5}, "probability_cutoff is 1.5"),
        ({"sliding_window_size": True}, "sliding_window_size is True"),
        ({"feature_step_size": 20}, "feature_step_size 20"),
    ],
)
def test_a_json_that_does_not_fit_is_named_by_its_field(changed: dict[str, object], said: str, tmp_path: Path) -> None:
    with pytest.raises(McueditError, match=said):
        manifest.load(manifest_of(tmp_path, **changed))


def test_an_arena_that_is_too_small_for_the_model_is_told(tmp_path: Path) -> None:
    read = manifest.load(manifest_of(tmp_path, tensor_arena_size=100))
    assert "little for this model" in manifest.checked(read, 5000).notes[0]
    with pytest.raises(McueditError, match="not there"):
        manifest.load(tmp_path / "another.tflite")


def test_sound_of_another_rate_or_of_two_channels_is_taken_with_a_note(tmp_path: Path) -> None:
    pytest.importorskip("soundfile")
    pytest.importorskip("soxr")
    clip = audio.load(folder_of(tmp_path, "a.wav", rate=8000, channels=2) / "a.wav")
    assert len(clip.samples) == 4000
    assert clip.notes == ("a.wav: 2 channels, their mean is taken", "a.wav: 8,000 Hz, resampled to 16,000")


def test_folders_without_speech_are_named(tmp_path: Path) -> None:
    pytest.importorskip("soundfile")
    with pytest.raises(McueditError, match="no such folder"):
        audio.folder(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(McueditError, match="no WAV file"):
        audio.folder(tmp_path / "empty")
    quiet = folder_of(tmp_path / "quiet", "a.wav", level=9)
    with pytest.raises(McueditError, match="all silent"):
        audio.folder(quiet)
    (quiet / "b.wav").write_bytes(b"RIFF no sound")
    with pytest.raises(McueditError, match="no sound that can be read"):
        audio.folder(quiet)


def test_one_recording_with_two_meanings_is_refused_and_silent_ones_are_left_out(tmp_path: Path) -> None:
    pytest.importorskip("soundfile")
    said = audio.folder(folder_of(folder_of(tmp_path / "wake", "a.wav"), "quiet.wav", level=9))
    assert [clip.name for clip in said] == ["a.wav"]
    assert "1 silent files are left out" in said[0].notes[0]
    with pytest.raises(McueditError, match=r"--not: b.wav is the same recording as a.wav of --wake"):
        audio.refuse_shared([("--wake", said), ("--not", audio.folder(folder_of(tmp_path / "not", "b.wav")))])


def test_a_net_that_is_none_of_a_wake_word_is_refused() -> None:
    from mcuedit.zoo import folder

    with pytest.raises(McueditError, match="no net of one wake word"):
        Net(bundle.load(folder("facts")))


def test_nothing_to_repair_is_said(net: Net, streams: Streams) -> None:
    with pytest.raises(McueditError, match="nothing to repair"):
        wake.repair(net, Rule(127, WINDOW, 3), replace(streams, others=()), frozenset())


def test_a_net_of_esphome_is_repaired_from_folders_and_pymicro_wakeword_decides_as_reported(tmp_path: Path) -> None:
    spec = find_spec("pymicro_wakeword")
    if spec is None or not voices.installed():
        pytest.skip("pip install 'mcuedit[wake]', apt install espeak-ng flite")
    from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures

    models = Path(spec.origin).parent / "models"
    for text, place in (("okay nabu", "wake"), ("open a book", "not")):
        assert invoke(["wake", "synth", text, "-o", str(tmp_path / place), "--count", "6"]) == 0
    how = ["--wake", str(tmp_path / "wake"), "--not", str(tmp_path / "not"), "-o", str(tmp_path / "out")]
    assert invoke(["wake", str(models / "okay_nabu.tflite"), *how, "--copies", "1"]) == 0
    made = MicroWakeWord.from_config(tmp_path / "out" / "okay_nabu.json")
    for place, wakes in (("wake", True), ("not", False)):
        clip = audio.load(tmp_path / place / f"espeak_en-us_m1--{'okay_nabu' if wakes else 'open_a_book'}.wav")
        heard = MicroWakeWordFeatures().process_streaming(np.pad(clip.samples, (16000, 8000)).tobytes())
        assert any(made.process_streaming(features) for features in heard) == wakes
        made.reset()
