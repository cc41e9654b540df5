# SPDX-License-Identifier: Apache-2.0
"""Training in one call, by method."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcuedit import training
from mcuedit.adapter.delta import Adapter
from mcuedit.edits import EditSet, KeepSet, TensorSet
from mcuedit.model.oracle import Reader
from mcuedit.model.tflite import Model
from mcuedit.training import Edited, InForce, Options, Problem, TextEdits
from mcuedit.training.core.candidate import Candidate


def train(reader: Reader, edits: EditSet, keep: KeepSet, options: Options | None = None, **more: Any) -> Edited:
    """By method "text"; `more`: of the problem."""
    return training.fit("text", Problem(reader, TextEdits(edits, keep), **more), options)


def train_beside(
    reader: Reader, edits: EditSet, keep: KeepSet, options: Options, beside: list[InForce]
) -> tuple[Edited, tuple[Adapter, ...]]:
    """The same, with adapters in force that may be trained again."""
    return training.train_beside(Problem(reader, TextEdits(edits, keep)), options, beside)


def train_tensors(reader: Reader, data: TensorSet, options: Options | None = None, **more: Any) -> Edited:
    """By method "tensors"."""
    return training.fit("tensors", Problem(reader, data, **more), options)


def place_tensors(
    reader: Reader, data: TensorSet, options: Options | None = None, **more: Any
) -> tuple[Candidate, ...]:
    """The pairs that method "tensors" would try."""
    return training.place_tensors(Problem(reader, data, **more), options)


def train_merged(reader: Reader, data: TensorSet, options: Options) -> Edited:
    """By method "merged"."""
    return training.fit("merged", Problem(reader, data), options)


def changed(model: Model, data: bytes) -> np.ndarray:
    """Places of the bytes in which a .tflite differs from a model's."""
    assert len(data) == len(model.data)
    return np.flatnonzero(np.frombuffer(data, np.uint8) != np.frombuffer(model.data, np.uint8))
