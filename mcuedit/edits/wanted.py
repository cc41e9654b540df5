# SPDX-License-Identifier: Apache-2.0
"""What input tensors are to be answered, and edit sets made of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np

from mcuedit._util.typing import AnyIntArray, FloatArray, Int8Array, IntArray

ALL = -1  # `against`: every other class


class Wanted(ABC):
    """What n inputs are to be answered, all in one way: `ToClass`, `Over`, `Avoid` or `ToVector`."""

    kind: ClassVar[str]

    @abstractmethod
    def __len__(self) -> int:
        """How many inputs."""

    @abstractmethod
    def take(self, samples: AnyIntArray | slice) -> Self:
        """The same for some of the inputs."""

    @abstractmethod
    def groups(self) -> IntArray:
        """int64[n]: inputs that want the same, numbered from 0 in the order of what they want."""

    @abstractmethod
    def name(self, group: int) -> str:
        """What the inputs of one group want, for messages."""

    @abstractmethod
    def agrees(self, other: Wanted, step: float) -> bool:
        """Whether as many inputs want the same; vectors may differ by a step of the output."""


@dataclass(frozen=True)
class _OfClasses(Wanted):
    """Told by a class of each input."""

    classes: IntArray

    def __len__(self) -> int:
        return len(self.classes)

    def take(self, samples: AnyIntArray | slice) -> Self:
        return type(self)(self.classes[samples])

    @property
    def against(self) -> IntArray:
        """int64[n], ALL throughout."""
        return np.full(len(self), ALL)

    def groups(self) -> IntArray:
        return _numbered(self.classes, self.against)

    def name(self, group: int) -> str:
        return f"{self.kind} {self.classes[np.flatnonzero(self.groups() == group)[0]]}"


@dataclass(frozen=True)
class ToClass(_OfClasses):
    """A class is to lead over every other one.

    Attributes:
        classes: int64[n].
    """

    kind = "class"

    def agrees(self, other: Wanted, step: float) -> bool:
        return isinstance(other, ToClass | Over) and _equal(self, other)


@dataclass(frozen=True)
class Over(Wanted):
    """A class is to lead over another one, whatever the rest does.

    Attributes:
        classes: int64[n], the class that is to lead.
        against: int64[n], the class that it is to lead over, ALL for every other.
    """

    classes: IntArray
    against: IntArray
    kind = "against"

    def __len__(self) -> int:
        return len(self.classes)

    def take(self, samples: AnyIntArray | slice) -> Self:
        return type(self)(self.classes[samples], self.against[samples])

    def groups(self) -> IntArray:
        return _numbered(self.classes, self.against)

    def name(self, group: int) -> str:
        sample = np.flatnonzero(self.groups() == group)[0]
        over = self.against[sample]
        return f"class {self.classes[sample]}" + ("" if over == ALL else f" over {over}")

    def agrees(self, other: Wanted, step: float) -> bool:
        return isinstance(other, ToClass | Over) and _equal(self, other)


@dataclass(frozen=True)
class Avoid(_OfClasses):
    """The answer must not be a class; any other one will do.

    Attributes:
        classes: int64[n].
    """

    kind = "not class"

    def agrees(self, other: Wanted, step: float) -> bool:
        return isinstance(other, Avoid) and np.array_equal(self.classes, other.classes)


@dataclass(frozen=True)
class ToVector(Wanted):
    """The output is to be a vector.

    Attributes:
        vectors: float32[n, *output shape], in real units.
    """

    vectors: FloatArray
    kind = "vector"

    def __len__(self) -> int:
        return len(self.vectors)

    def take(self, samples: AnyIntArray | slice) -> Self:
        return type(self)(self.vectors[samples])

    def groups(self) -> IntArray:
        return np.zeros(len(self), np.int64)

    def name(self, group: int) -> str:
        return "vectors"

    def agrees(self, other: Wanted, step: float) -> bool:
        return isinstance(other, ToVector) and bool((np.abs(self.vectors - other.vectors) <= step).all())


def _numbered(classes: IntArray, against: IntArray) -> IntArray:
    pairs = np.stack([classes, against], axis=1)
    return np.asarray(np.unique(pairs, axis=0, return_inverse=True)[1], np.int64).reshape(-1)


def _equal(one: ToClass | Over, other: ToClass | Over) -> bool:
    return np.array_equal(one.classes, other.classes) and np.array_equal(one.against, other.against)


@dataclass(frozen=True)
class TensorSet:
    """Inputs to be answered anew, and inputs to be kept.

    Attributes:
        x: int8[n, *input shape], or int8[n, T, *input shape]: sequences for a base with a state, answered at the end.
        wanted: of each sample of x.
        keep: int8[k, ...] as x; k may be 0.
        x_test, wanted_test, keep_test: the same, unseen in training, to measure with; they may be empty.
        keep_vectors, keep_test_vectors: float32[k, *output shape], what a vector base should make of the inputs to be
            kept, to measure with; None where that is not known.
    """

    x: Int8Array
    wanted: Wanted
    keep: Int8Array
    x_test: Int8Array = field(default_factory=lambda: np.zeros(0, np.int8))
    wanted_test: Wanted | None = None
    keep_test: Int8Array = field(default_factory=lambda: np.zeros(0, np.int8))
    keep_vectors: FloatArray | None = None
    keep_test_vectors: FloatArray | None = None
    source: str = "tensors"
    notes: tuple[str, ...] = ()
