# SPDX-License-Identifier: Apache-2.0
"""What input tensors are to be answered, and edit sets made of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mcuedit._util.typing import AnyIntArray, FloatArray, Int8Array, IntArray

ALL = -1  # `against`: every other class


@dataclass(frozen=True)
class Wanted:
    """What n inputs are to be answered: one of `classes`, `avoided` and `vectors` is given, the others are None.

    Attributes:
        classes: int64[n], the class that is to lead.
        against: int64[n], the class that it is to lead over, ALL for every other; None as if ALL throughout.
        avoided: int64[n], the class that the answer must not be.
        vectors: float32[n, *output shape], what the output is to be, in real units.
    """

    classes: IntArray | None = None
    against: IntArray | None = None
    avoided: IntArray | None = None
    vectors: FloatArray | None = None

    def __len__(self) -> int:
        return len(next(v for v in (self.classes, self.avoided, self.vectors) if v is not None))

    @property
    def kind(self) -> str:
        """What it is called: "class", "against", "not class" or "vector"."""
        if self.vectors is not None:
            return "vector"
        if self.avoided is not None:
            return "not class"
        return "class" if self.against is None else "against"

    def take(self, rows: AnyIntArray | slice) -> Wanted:
        """The same for some of the inputs."""
        parts = (self.classes, self.against, self.avoided, self.vectors)
        return Wanted(*(None if part is None else part[rows] for part in parts))  # type: ignore[arg-type]

    def groups(self) -> IntArray:
        """int64[n]: inputs that want the same, numbered from 0 in the order of what they want."""
        key = self.classes if self.classes is not None else self.avoided
        if key is None:
            return np.zeros(len(self), np.int64)
        pairs = np.stack([key, np.full(len(key), ALL) if self.against is None else self.against], axis=1)
        return np.asarray(np.unique(pairs, axis=0, return_inverse=True)[1], np.int64).reshape(-1)

    def agrees(self, other: Wanted, step: float) -> bool:
        """Whether as many inputs want the same of the same kind; vectors may differ by a step of the output."""
        if self.vectors is not None and other.vectors is not None:
            return bool((np.abs(self.vectors - other.vectors) <= step).all())
        mine, theirs = (
            [w.classes, w.avoided, np.full(len(w), ALL) if w.against is None else w.against] for w in (self, other)
        )
        return all(np.array_equal(a, b) for a, b in zip(mine, theirs, strict=True))  # type: ignore[arg-type]

    def name(self, group: int) -> str:
        """What the inputs of one group want, for messages."""
        if self.vectors is not None:
            return "vectors"
        row = int(np.flatnonzero(self.groups() == group)[0])
        if self.avoided is not None:
            return f"not class {self.avoided[row]}"
        assert self.classes is not None
        over = ALL if self.against is None else int(self.against[row])
        return f"class {self.classes[row]}" + ("" if over == ALL else f" over {over}")


@dataclass(frozen=True)
class TensorSet:
    """Inputs to be answered anew, and inputs to be kept.

    Attributes:
        x: int8[n, *input shape], or int8[n, T, *input shape]: sequences for a base with a state, answered at the end.
        wanted: of each row of x.
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
