# SPDX-License-Identifier: Apache-2.0
"""Edit sets for the base `digits`, drawn by a seed: a misread hand, a class with another meaning, a new sign.

What is kept comes from the images that the base was trained on; those that it was tested on only serve to measure.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import Int8Array
from mcuedit.adapter.forward import answers, logits_tensor
from mcuedit.emulate.runner import best_oracle
from mcuedit.model import bundle as bases
from mcuedit.zoo import digits_data

Arrays = dict[str, npt.NDArray[Any]]

KINDS = ("slanted", "relabelled", "new")
SHEARS = (-0.5, 0.5, -0.75, 0.75)  # pixels a row; beyond them digits leave their frame
_SIGNS = 200  # new signs to measure with


def files(folder: Path, kind: str | None, count: int, seed: int) -> dict[str, str | bytes]:
    """edits.npz for the base."""
    file, arrays = io.BytesIO(), draw(kind or KINDS[0], count, seed)
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return {"edits.npz": file.getvalue()}


def draw(kind: str, count: int, seed: int) -> Arrays:
    """Arrays as `load_tensors` takes them.

    Args:
        kind: "slanted": the digit that the base misreads most when it is slanted, and the slant; "relabelled": a digit
            that is to be read as another one from now on; "new": a sign for the spare class.
        count: edited inputs to train on; all others of that kind are held out.

    Raises:
        McueditError: there are no such edits, or too few images.
    """
    if kind not in KINDS:
        raise McueditError(f"no edits of kind {kind!r} for digits", f"there are: {', '.join(KINDS)}")
    data, rng = digits_data.load(), np.random.default_rng(seed)
    makers = {"slanted": _slanted, "relabelled": _relabelled, "new": _new}
    x, wanted, stays = makers[kind](data, count, rng)
    order = rng.permutation(len(x))
    if count >= len(x):
        raise McueditError(f"{count} edits, there are {len(x)} images", "leave some to be held out: a smaller --count")
    y = np.full(len(x), wanted, np.int64)
    kept = {f"keep{s}": data[f"x_{n}"][stays(data[f"y_{n}"])] for n, s in (("train", ""), ("test", "_test"))}
    mine, others = order[:count], order[count:]
    return {"x": x[mine], "y": y[mine], "x_test": x[others], "y_test": y[others], **kept}


def misread(data: Arrays) -> tuple[int, float]:
    """The digit and the shear of those in SHEARS that the base misreads most often, on the images it was trained on."""
    model = bases.load(digits_data.DATA).model
    oracle, logits = best_oracle(model), logits_tensor(model)
    best = -1.0, 0, 0.0
    pictures, truth = digits_data.pictures(data["x_train"]), data["y_train"]
    for shear in SHEARS:
        x = digits_data.quantized(digits_data.slanted(pictures, shear))
        wrong = answers(oracle.activations(x, [logits])[logits]) != truth
        for digit in range(10):
            share = float(wrong[truth == digit].mean())
            best = (share, digit, shear) if share > best[0] else best
    return best[1:]


def _slanted(data: Arrays, count: int, rng: np.random.Generator) -> tuple[Int8Array, int, Any]:
    digit, shear = misread(data)
    clean = np.concatenate([data[f"x_{n}"][data[f"y_{n}"] == digit] for n in ("train", "test")])
    x = digits_data.quantized(digits_data.slanted(digits_data.pictures(clean), shear))
    return x, digit, lambda y: np.ones(len(y), bool)


def _relabelled(data: Arrays, count: int, rng: np.random.Generator) -> tuple[Int8Array, int, Any]:
    digit, wanted = (int(n) for n in rng.permutation(10)[:2])
    x = np.concatenate([data[f"x_{n}"][data[f"y_{n}"] == digit] for n in ("train", "test")])
    return x, wanted, lambda y: y != digit


def _new(data: Arrays, count: int, rng: np.random.Generator) -> tuple[Int8Array, int, Any]:
    x = digits_data.quantized(digits_data.signs(count + _SIGNS, rng))
    return x, digits_data.SPARE_CLASS, lambda y: np.ones(len(y), bool)
