# SPDX-License-Identifier: Apache-2.0
"""Corrections of tensors as devices are told them: a recording, an image, a window of a sensor, and its right class."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import Int8Array
from mcuedit.adapter.forward import answers, logits_tensor
from mcuedit.edits import TensorSet, ToClass
from mcuedit.model.oracle import Reader
from mcuedit.ondevice.corrections import first_narrow, tapped
from mcuedit.ondevice.statistics import GateStatistics, gate_statistics
from mcuedit.training.placement.pairs import pairs


@dataclass(frozen=True)
class TensorSession:
    """One correction as a device gets it.

    Attributes:
        inputs: int8[p, *input], all of one class.
        wanted: that class.
        confirmed: int8[m, *input], whose answers must stay.
    """

    inputs: Int8Array
    wanted: int
    confirmed: Int8Array


def tensor_sessions(data: TensorSet, told: int, confirmed: int, seed: int) -> tuple[list[TensorSession], TensorSet]:
    """A session for every class that is wanted; what is told and confirmed is drawn by `seed`.

    Returns:
        the sessions; the set with what was told as its inputs, and the rest of them held out

    Raises:
        McueditError: the edits do not want classes, or there are too few inputs.
    """
    if not isinstance(data.wanted, ToClass):
        raise McueditError(f"{data.source}: a device learns classes", "give 'y', the class wanted of each input")
    if len(data.keep) < confirmed:
        raise McueditError(
            f"{data.source}: {len(data.keep)} keep inputs, {confirmed} are asked for",
            "give more, or a smaller --replay",
        )
    rng, found, mine = np.random.default_rng(seed), [], []
    for wanted in np.unique(data.wanted.classes):
        own = np.flatnonzero(data.wanted.classes == wanted)
        if len(own) < told:
            raise McueditError(
                f"{data.source}: {len(own)} inputs of class {wanted}, {told} are asked for",
                "give more, or a smaller --wordings",
            )
        chosen = rng.choice(own, told, replace=False)
        beside = rng.choice(len(data.keep), confirmed, replace=False)
        found.append(TensorSession(data.x[chosen], int(wanted), data.keep[beside]))
        mine.append(chosen)
    return found, _split(data, np.concatenate(mine))


def _split(data: TensorSet, told: np.ndarray) -> TensorSet:
    assert isinstance(data.wanted, ToClass)
    rest = np.setdiff1d(np.arange(len(data.x)), told)
    held = data.wanted_test
    classes = [data.wanted.classes[rest], *([held.classes] if isinstance(held, ToClass) else [])]
    x_test, classes_test = np.concatenate([data.x[rest], data.x_test]), np.concatenate(classes)
    wanted_test = ToClass(classes_test) if len(x_test) else None
    return replace(data, x=data.x[told], wanted=data.wanted.take(told), x_test=x_test, wanted_test=wanted_test)


def tensor_pair(read: Reader, tap: str = "auto", target: str = "auto") -> tuple[int, int]:
    """Tap and target for gates on the device: the last pair that is narrow enough.

    Raises:
        McueditError: there is none.
    """
    model = read.base.model
    return first_narrow(model, pairs(model, tap, target)[::-1])


def tensor_statistics(read: Reader, keep: Int8Array, tap: int) -> GateStatistics:
    """What a device carries to train gates at `tap`: inputs with one answer are to it what wordings are to a text.

    There are no kinds of questions among tensors that an edit could be moved to.
    """
    groups = answers(read(keep)[logits_tensor(read.base.model)].reshape(len(keep), -1))
    return gate_statistics(tapped(read, keep, tap), groups, clusters=0)


def tensor_given(read: Reader, session: TensorSession) -> bool:
    """Whether every input of a correction gets what is wanted already."""
    logits = read(session.inputs)[logits_tensor(read.base.model)].reshape(len(session.inputs), -1)
    rivals = np.delete(logits, session.wanted, axis=1).max(axis=1)
    return bool((logits[:, session.wanted] > rivals).all())
