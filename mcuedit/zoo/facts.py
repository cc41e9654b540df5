# SPDX-License-Identifier: Apache-2.0
"""The base `facts`: a text question -> answer classifier. `python -m mcuedit.zoo.facts` trains it again."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from mcuedit._util.typing import FloatArray, Int8Array
from mcuedit.model.text import SCALE, encode
from mcuedit.zoo import facts_data
from mcuedit.zoo.facts_data import DATA, Fact
from mcuedit.zoo.quantization import converter
from mcuedit.zoo.quantization.network import from_keras

FEATURES, HIDDEN = 512, (112, 96, 128, 72)
GUIDED = 3  # the hidden layer, counted from 1, on which facts are kept apart
EPOCHS, BATCH, SEED = 48, 256, 7
COPIES, COPIES_PER_EPOCH = 20, 2  # noisy copies of every question: made, and drawn for an epoch
FILLERS = (
    "a about also am an and any are as at be been being by can could did do does exactly for from give had has have he "
    "hey how i if in is it its just know let like me might must my new now of on one or our out over please question "
    "quick quickly say she should so some someone tell than that the their them then there these they this those to "
    "today up us was we were what when where whether which who whom whose why will with wonder would you your"
).split()
ENDINGS = ["", *"s d ed er ers or ors ing al ally ment ments ly ion ry ary ian ians".split()]
ONSETS = ("b bl br c ch cl cr d dr f fl fr g gl gr h j k l m n p ph pl pr qu r s sh sl sp st str t th tr v w").split()
RHYMES = (
    "a ab ack ail ain all am an ar ast at e ead ear ect eigh en ent er est i ice ick il in ing ist o oat oll on oo ord "
    "ort our u ull un ur us y"
).split()


def vary(prompt: str, subject: str, key_words: list[str], rng: np.random.Generator) -> str:
    """A noisy copy of a question about `subject`.

    One in two is a bag of the relation's key words instead of the question itself. Words are dropped, take other
    endings, and are joined by words that mean nothing, so that no turn of phrase but the key words carry the relation.
    """
    before, _, after = prompt.partition(subject)
    if rng.random() < 0.5:
        bag = [key_words[i] for i in rng.integers(len(key_words), size=rng.integers(1, 4))]
        before, after = (" ".join(bag), "") if rng.random() < 0.5 else ("", " ".join(bag))
        drop = 0.0
    else:
        drop = rng.choice([0.0, 0.15, 0.3])
    words = [*_vary_words(before, drop, rng), subject, *_vary_words(after, drop, rng)]
    extra = [*rng.choice(FILLERS, rng.integers(0, 5)), *(_unheard(rng) for _ in range(rng.integers(0, 3)))]
    for word in extra:
        words.insert(rng.integers(len(words) + 1), word)
    return " ".join(words)


def _unheard(rng: np.random.Generator) -> str:
    """A word that nobody has heard of, in English spelling."""
    syllables = (
        ONSETS[rng.integers(len(ONSETS))] + RHYMES[rng.integers(len(RHYMES))] for _ in range(rng.integers(1, 4))
    )
    return "".join(syllables) + ENDINGS[rng.integers(len(ENDINGS))]


def _vary_words(text: str, drop: float, rng: np.random.Generator) -> list[str]:
    return [_vary_ending(word, rng) for word in text.split() if rng.random() >= drop]


def _vary_ending(word: str, rng: np.random.Generator) -> str:
    stem = re.sub(r"\W+$", "", word)
    if len(stem) < 3 or rng.random() < 0.5:
        return word
    stem = stem[: max(3, len(stem) - int(rng.integers(0, 3)))]
    ending = ENDINGS[rng.integers(len(ENDINGS))]
    doubled = stem[-1] if ending[:1] in ("e", "i", "o") and rng.random() < 0.3 else ""  # shop, shopper
    return stem + doubled + ending


def key_words() -> dict[str, list[str]]:
    """By relation, the words of its training templates that neither another relation nor FILLERS has."""
    templates = facts_data.read("templates.json")
    words = {r: {w for t in templates[r]["train"] for w in re.findall(r"[a-z]+", t)} for r in templates}
    shared = {w for r in words for w in words[r] if sum(w in other for other in words.values()) > 1}
    return {r: sorted(words[r] - shared - set(FILLERS) - {"subject"}) for r in words}


def _real(features: Int8Array) -> FloatArray:
    return features.astype(np.float32) * np.float32(SCALE)


def train(facts: list[Fact], labels: list[str]) -> Any:
    """The float network, trained on the training templates and noisy copies of them.

    While it trains, a second head on the layer GUIDED tells every single fact from all others by a squared hinge. It
    keeps facts with one answer apart there, and new wordings of one fact together; it is not part of the network.
    """
    import tensorflow as tf

    rng = np.random.default_rng(SEED)
    tf.keras.utils.set_random_seed(SEED)
    index = {label: i for i, label in enumerate(labels)}
    samples = [(prompt, i, fact) for i, fact in enumerate(facts) for prompt in facts_data.prompts(fact, "train")]
    keys = key_words()
    clean = encode((prompt for prompt, _, _ in samples), FEATURES)
    noisy = [
        encode((vary(p, f.subject, keys[f.relation], rng) for p, _, f in samples), FEATURES) for _ in range(COPIES)
    ]
    classes, which = np.array([index[f.answer] for _, _, f in samples]), np.array([i for _, i, _ in samples])

    hidden = [tf.keras.Input((FEATURES,))]
    for n in HIDDEN:
        hidden.append(tf.keras.layers.Dense(n, activation="relu")(hidden[-1]))
    answer = tf.keras.layers.Softmax()(tf.keras.layers.Dense(len(labels))(hidden[-1]))
    fact = tf.keras.layers.Dense(len(facts))(hidden[GUIDED])

    def hinge(truth: Any, score: Any) -> Any:
        own = tf.one_hot(tf.cast(tf.reshape(truth, [-1]), tf.int32), len(facts))
        missed = tf.reduce_sum(own * tf.square(tf.nn.relu(1 - score)), -1)
        return 4 * missed + tf.reduce_sum((1 - own) * tf.square(tf.nn.relu(1 + score)), -1)

    both = tf.keras.Model(hidden[0], [answer, fact])
    steps = EPOCHS * (1 + COPIES_PER_EPOCH) * len(samples) // BATCH
    both.compile(
        tf.keras.optimizers.Adam(tf.keras.optimizers.schedules.CosineDecay(2e-3, steps)),
        ["sparse_categorical_crossentropy", hinge],
    )
    repeats = 1 + COPIES_PER_EPOCH
    for epoch in range(EPOCHS):
        drawn = [noisy[i] for i in rng.choice(COPIES, COPIES_PER_EPOCH, replace=False)]
        x = np.concatenate([_real(clean), _hit(_real(np.concatenate(drawn)), rng)])
        truth = [np.tile(classes, repeats), np.tile(which, repeats)]
        result = both.fit(x, truth, batch_size=BATCH, verbose=0)
        print(f"epoch {epoch + 1}/{EPOCHS} loss {result.history['loss'][0]:.4f}", flush=True)
    return tf.keras.Model(hidden[0], answer)


def _hit(x: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Adds the hits of more unheard-of words, which are as good as random: 4 a question on average."""
    samples = np.repeat(np.arange(len(x)), rng.poisson(4, len(x)))
    np.add.at(x, (samples, rng.integers(0, FEATURES, len(samples))), rng.choice([-1.0, 1.0], len(samples)))
    return x


def convert(network: Any, samples: FloatArray) -> bytes:
    """Full-integer .tflite, one scale per tensor; `samples` float32[n, FEATURES] calibrate it."""
    return converter.convert(from_keras(network, (FEATURES,)), samples, text=True)


def write(folder: Path, tflite: bytes, labels: list[str], facts: list[Fact]) -> None:
    """The folder that `zoo export` hands out."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.tflite").write_bytes(tflite)
    (folder / "labels.txt").write_text("\n".join(labels) + "\n", encoding="utf-8")
    preprocess = {"kind": "text-hash", "version": 1, "features": FEATURES}
    (folder / "preprocess.json").write_text(json.dumps(preprocess) + "\n", encoding="utf-8")
    with (folder / "facts.jsonl").open("w", encoding="utf-8") as file:
        for fact in facts:
            line = {
                "subject": fact.subject,
                "relation": fact.relation,
                "prompts": facts_data.prompts(fact, "train"),
                "rephrase_prompts": facts_data.prompts(fact, "held_out"),
                "answer": fact.answer,
            }
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def main() -> None:
    """Trains, converts and writes the base into this package."""
    facts, labels = facts_data.facts(), facts_data.labels()
    taught = facts + facts_data.placeholders()
    network = train(taught, labels)
    rng = np.random.default_rng(SEED)
    every = [prompt for fact in taught for prompt in facts_data.prompts(fact, "train")]
    samples = _real(encode(rng.choice(every, 2000, replace=False), FEATURES))
    write(DATA, convert(network, samples), labels, facts)


if __name__ == "__main__":
    main()
