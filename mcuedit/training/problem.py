# SPDX-License-Identifier: Apache-2.0
"""What is to be trained, whatever the method."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from mcuedit._util.errors import McueditError
from mcuedit.adapter.delta import Adapter, Delta, check_adapter
from mcuedit.edits import Edit, EditSet, KeepSet, TensorSet
from mcuedit.model.oracle import Reader
from mcuedit.training.core.candidate import Candidate

Progress = Callable[[str], None]
D = TypeVar("D", "TextEdits", TensorSet)


@dataclass(frozen=True)
class TextEdits:
    """Edits of prompts, and the prompts whose answers must stay."""

    edits: EditSet
    keep: KeepSet


@dataclass(frozen=True)
class Problem:
    """Edits of one base, and what is in force beside them.

    Attributes:
        reader: of the base, with every tensor of the graph's flow.
        data: what is to be answered anew, and what must stay.
        active: adapters that will be in force beside the new one; it is trained knowing them.
        earlier: the edits they were trained on, as far as known: new gates stay shut on them.
        names: of spare classes, given by a version of this adapter that the new one replaces.
        placed: what a placement returned for this data and configuration; the method chooses if nothing is given.
        progress: is told what is being done. advance: is told the units of every step of what an effort bounds.
    """

    reader: Reader
    data: TextEdits | TensorSet
    active: Sequence[Adapter] = ()
    earlier: Sequence[Edit] = ()
    names: Mapping[int, str] | None = None
    placed: Sequence[Candidate] = ()
    progress: Progress = lambda step: None
    advance: Callable[[float], None] = lambda units: None

    @property
    def text(self) -> TextEdits:
        """The data of a method that takes text alone.

        Raises:
            McueditError: they are tensors.
        """
        return self._data(TextEdits, "text", ".jsonl")

    @property
    def tensors(self) -> TensorSet:
        """The data of a method that takes tensors alone.

        Raises:
            McueditError: they are text.
        """
        return self._data(TensorSet, "tensors", ".npz")

    def _data(self, kind: type[D], what: str, file: str) -> D:
        if not isinstance(self.data, kind):
            raise McueditError(f"this method takes edits of {what}", f"give {file} files, or choose another method")
        return self.data

    def context(self) -> list[Delta]:
        """The deltas in force beside the new ones.

        Raises:
            McueditError: an adapter is for another base.
        """
        for adapter in self.active:
            check_adapter(adapter, self.reader.base.model)
        return [delta for adapter in self.active for delta in adapter.deltas]
