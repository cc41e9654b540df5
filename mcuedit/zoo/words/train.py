# SPDX-License-Identifier: Apache-2.0
"""Trains the base `words`: `python -m mcuedit.zoo.words.train ARABIC_SPEECH_COMMANDS/dataset`.

It hears its commands in two languages: as 20 people say them in Arabic (Arabic Speech Commands by Ghandoura, Hjabo and
Al Dakkak, CC BY 4.0), and as test voices say them in English. Ten people, some voices, and 22 words of the data set
never take part. While it trains, a second head tells many more words apart, most of them no words: first halves and
second halves of the commands, joined, and commands backwards. Words that are to come then have places of their own. The
head is thrown away.

Training needs the extra [zoo], pymicro-features, espeak-ng and flite. Users do not.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from mcuedit._util.typing import FloatArray, Int8Array
from mcuedit.edits.sound import CHANNELS
from mcuedit.zoo.quantization import converter
from mcuedit.zoo.quantization.network import from_keras
from mcuedit.zoo.words import data, speech, voices
from mcuedit.zoo.words.auxiliary import AUXILIARY
from mcuedit.zoo.words.mixing import Mixer, vary
from mcuedit.zoo.words.speech import SLICES, Recordings
from mcuedit.zoo.words.voices import Said

EPOCHS, BATCH, SEED, RATE = 16, 64, 7, 4e-3
_CHANNELS, _STRIDES = (24, 48, 48, 64, 96), (2, 1, 2, 1)
_TAKES, _OF_OTHERS = 1, 22  # renderings of a command by every voice; of another word, by a voice each
_MIXED, _WEIGHT = 4000, 0.3  # of an epoch; as examples of no command
NEW = ("record", "seven", "rotate")  # keywords to come, in English


def real(x: Int8Array) -> FloatArray:
    """Steps as the network is trained on them: about -1 to 1."""
    return (x.astype(np.float32) / 128).astype(np.float32)


def network() -> tuple[Any, Any]:
    """Input and last features of a small depthwise separable network."""
    import tensorflow as tf

    layers = tf.keras.layers
    x = given = tf.keras.Input((SLICES, CHANNELS, 1))
    x = layers.Conv2D(_CHANNELS[0], 5, strides=2, padding="same", use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    for channels, stride in zip(_CHANNELS[1:], _STRIDES, strict=True):
        x = layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
        x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(channels, 1, use_bias=False)(x)))
    x = layers.AveragePooling2D((x.shape[1], x.shape[2]))(x)
    return given, layers.Reshape((-1,))(x)


def train(people: Recordings, synthetic: Recordings) -> Any:
    """The float network."""
    import tensorflow as tf

    tf.keras.utils.set_random_seed(SEED)
    tf.config.experimental.enable_op_determinism()
    rng, layers = np.random.default_rng(SEED), tf.keras.layers
    mixer = Mixer(people.of(np.isin(people.words, data.COMMANDS)))
    names = [*(f"ar {w}" for w in data.COMMANDS), *data.COMMANDS, *AUXILIARY, *mixer.names]
    number = {name: i for i, name in enumerate(names)}
    x = np.concatenate([real(people.x), real(synthetic.x)])[..., 0]
    fine = [number[f"ar {w}"] for w in people.words] + [number[str(w)] for w in synthetic.words]
    coarse = [_command(str(w)) for w in [*people.words, *synthetic.words]]
    given, features = network()
    dropped = layers.Dropout(0.2)(features)
    logits = layers.Dense(len(data.labels()))(dropped)
    both = tf.keras.Model(given, [logits, layers.Dense(len(names))(dropped)])
    steps = EPOCHS * (len(x) + _MIXED) // BATCH
    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    rate = tf.keras.optimizers.schedules.CosineDecay(RATE, steps)
    both.compile(tf.keras.optimizers.AdamW(rate, weight_decay=1e-3), [loss, loss])
    weights = [np.concatenate([np.ones(len(x)), np.full(_MIXED, _WEIGHT)]), np.ones(len(x) + _MIXED)]
    for epoch in range(EPOCHS):
        mixed, which = mixer.draw(_MIXED, rng)
        truth = [np.array([*coarse, *[len(data.COMMANDS)] * _MIXED]), np.array([*fine, *(number[n] for n in which)])]
        sounds = vary(np.concatenate([x, mixed]), rng)
        result = both.fit(sounds[..., None], truth, sample_weight=weights, batch_size=BATCH, verbose=0)
        print(f"epoch {epoch + 1}/{EPOCHS} loss {result.history['loss'][0]:.4f}", flush=True)
    return tf.keras.Model(given, layers.Softmax()(logits))


def _command(word: str) -> int:
    """The class of a word."""
    return data.COMMANDS.index(word) if word in data.COMMANDS else len(data.COMMANDS)


def synthesized(said: list[Said]) -> Recordings:
    """What voices say."""
    with ProcessPoolExecutor(2) as pool:
        x = np.stack(list(pool.map(_heard, said, chunksize=32)))[..., None]
    return Recordings(x, np.array([s.word for s in said]), np.array([s.voice for s in said]))


def _heard(said: Said) -> Int8Array:
    return speech.heard(voices.say(said))


def lessons(mine: list[str], rng: np.random.Generator) -> list[Said]:
    """What the network hears of voices."""
    said = [Said(word, voice, take) for word in data.COMMANDS for voice in mine for take in range(_TAKES)]
    return said + [Said(w, str(v)) for w in AUXILIARY for v in rng.choice(mine, _OF_OTHERS, replace=False)]


def shipped(mine: list[str], held_out: list[str], rng: np.random.Generator) -> list[Said]:
    """What edits are drawn from: takes that the network has not heard."""

    def some(words: Sequence[str], voices: list[str], count: int) -> list[Said]:
        return [Said(word, str(v), _TAKES) for word in words for v in rng.choice(voices, count, replace=False)]

    said = some(data.COMMANDS, mine, 4) + some(data.COMMANDS, held_out, 2)
    said += some(NEW, mine, 10) + some(NEW, held_out, 12)
    pairs = zip(rng.choice(data.COMMANDS, 4, replace=False), rng.choice(held_out, 4), strict=True)
    return said + [Said(str(w), str(v), _TAKES + 1 + take) for w, v in pairs for take in range(14)]


def pack(recordings: Recordings, held_out: list[str]) -> bytes:
    """The file of recordings that the base has beside it."""
    file = io.BytesIO()
    names = {"words": recordings.words, "speakers": recordings.speakers, "held_out": np.array(held_out)}
    np.savez_compressed(file, x=recordings.x, **names)  # type: ignore[arg-type]
    return file.getvalue()


def main(folder: Path) -> None:
    """Trains, converts and writes the base into this package."""
    rng = np.random.default_rng(0)
    mine, held_out = voices.parted(rng)
    synthetic = synthesized(lessons(mine, rng))
    everybody = speech.read_folder(folder)
    known = np.isin(everybody.speakers, speech.parted(everybody.speakers)[0])
    people = everybody.of(known & np.isin(everybody.words, data.COMMANDS))
    net = train(people, synthetic)
    heard = np.concatenate([people.x, synthetic.x])
    samples = real(heard[rng.permutation(len(heard))[:1000]])
    samples[0].flat[:2] = -1, 127 / 128  # fixes the input's scale
    tflite = converter.convert(from_keras(net, (SLICES, CHANNELS, 1)), samples)
    data.DATA.mkdir(parents=True, exist_ok=True)
    (data.DATA / "model.tflite").write_bytes(tflite)
    (data.DATA / "labels.txt").write_text("\n".join(data.labels()) + "\n", encoding="utf-8")
    (data.DATA / data.FILE).write_bytes(pack(synthesized(shipped(mine, held_out, rng)), held_out))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
