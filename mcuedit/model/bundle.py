# SPDX-License-Identifier: Apache-2.0
"""BASE as the commands take it: a .tflite, or a folder with its labels and text front end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from mcuedit._util import textfile
from mcuedit._util.errors import McueditError
from mcuedit._util.typing import Int8Array
from mcuedit.model import text as features
from mcuedit.model import tflite
from mcuedit.model.compiled import attached
from mcuedit.model.compiled.source import SOURCE
from mcuedit.model.tflite import Model

MODEL, LABELS, PREPROCESS = "model.tflite", "labels.txt", "preprocess.json"
QUANTIZE = "mcuedit quantize SOURCE --samples F -o DIR"
_MEND = "mend it, or take it out of the folder"


@dataclass(frozen=True)
class Base:
    """A model and what stands around it.

    Attributes:
        name: of the folder or file, for generated names.
        labels: one per class; None without labels.txt.
        features: width of the text features; None when inputs are tensors.
        folder: where it was read; None for a lone .tflite.
    """

    name: str
    model: Model
    labels: tuple[str, ...] | None = None
    features: int | None = None
    folder: Path | None = None

    def encode(self, prompts: Sequence[str | bytes]) -> Int8Array:
        """Prompts to inputs: int8[len(prompts), *input shape without the batch].

        Raises:
            McueditError: the base has no text front end.
        """
        if self.features is None:
            raise McueditError(
                f"base {self.name} takes tensors, not text",
                f"give inputs as .npz, or a folder with {PREPROCESS}",
            )
        return features.encode(prompts, self.features).reshape(len(prompts), *self.model.input_shape)


B = TypeVar("B", bound=Base)


def load(path: str | Path) -> Base:
    """Reads BASE.

    Raises:
        McueditError: something is missing, malformed or does not fit the model.
    """
    path = Path(path)
    if not path.is_dir():
        return Base(path.stem, tflite.load(path))
    loaded = tflite.load(path / MODEL)
    if (path / SOURCE).exists():
        loaded = attached(loaded, tflite.load(path / SOURCE))
    labels = None
    if (path / LABELS).exists():
        loaded = _labelled(path / LABELS, loaded)
        labels = read_labels(path / LABELS, loaded)
    return Base(path.resolve().name, loaded, labels, _features(path, loaded), path)


def choose(model: Model, name: str | None) -> Model:
    """The model with the output that edits are about.

    Args:
        name: of the output, as `inspect` shows it, or its position; None: the only one that is like a classifier's.

    Raises:
        McueditError: there is no such output, or several that it could be.
    """
    names = [f"{shown!r} ({i})" for i, shown in enumerate(model.output_names)]
    if name is not None:
        known = {str(i): i for i in range(len(model.outputs))} | {n: i for i, n in enumerate(model.output_names)}
        if name not in known:
            raise McueditError(f"no output {name!r}", f"the model has {', '.join(names)}")
        return replace(model, chosen=known[name])
    if model.chosen is None and len(model.outputs) > 1 and len(model.classifiers) != 1:
        raise McueditError(
            f"the model has {len(model.outputs)} outputs, {len(model.classifiers)} of them like a classifier's",
            f"say which one is edited, --output-name NAME: {', '.join(names)}",
        )
    return model


def with_output(base: B, name: str | None) -> B:
    """The base with the output that edits are about; labels of another one are no longer its labels.

    Raises:
        McueditError: as `choose`.
    """
    model = choose(base.model, name)
    if model.chosen == base.model.chosen:
        return base
    same = model.answering == base.model.answering
    return replace(base, model=model, labels=base.labels if same else None)


def _labelled(file: Path, loaded: Model) -> Model:
    """The model with the only one of several outputs that has as many scores as there are labels, if one has."""
    count = len([line for line in textfile.read(file, _MEND).split("\n") if line.strip()])
    found = [i for i, t in enumerate(loaded.outputs) if loaded.tensors[t].size == count]
    return replace(loaded, chosen=found[0]) if len(loaded.outputs) > 1 and len(found) == 1 else loaded


def read_labels(file: Path, loaded: Model) -> tuple[str, ...]:
    """The names of a model's classes, one a line.

    Raises:
        McueditError: there are more or fewer, or two are the same.
    """
    lines = textfile.read(file, _MEND).split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    labels = tuple(line.strip() for line in lines)  # an answer has no blanks around it, neither here nor on a device
    if len(labels) != loaded.output.size:
        raise McueditError(
            f"{file}: {len(labels)} labels, the model has {loaded.output.size} classes", "one label a line"
        )
    if "" in labels:
        raise McueditError(f"{file}:{labels.index('') + 1}: an empty label", "give each class a name of its own")
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice is not None:
        raise McueditError(f"{file}: label {twice!r} stands twice", "give each class a name of its own")
    return labels


def _features(folder: Path, loaded: Model) -> int | None:
    file = folder / PREPROCESS
    if not file.exists():
        return None
    from mcuedit._util import schema  # takes pydantic's time
    from mcuedit.model.form import FrontEnd

    spec = schema.read_json(file, FrontEnd, "it needs kind, version and features")
    n = spec.features
    if (spec.kind, spec.version) != ("text-hash", 1):
        known = "text-hash version 1 is known"
        raise McueditError(f"{file}: front end {spec.kind!r} version {spec.version} is unknown", known)
    if n != loaded.input_size:
        raise McueditError(f"{file}: {n!r} features, the model's input has {loaded.input_size}", "mend features")
    if n & (n - 1):
        raise McueditError(f"{file}: {n} features are no power of two", "text-hash needs one: SPEC.md, section 4")
    quant = float(loaded.input.scale[0]), loaded.input.zero
    if quant != (features.SCALE, features.ZERO_POINT):
        raise McueditError(
            f"{file}: text-hash needs scale 1/16 and zero point 0, the input has {quant}",
            f"{QUANTIZE} --text gives it these",
        )
    return n
