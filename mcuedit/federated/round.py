# SPDX-License-Identifier: Apache-2.0
"""What a server pins in a round, and which submissions fit it.

A submission is a stranger's file. Whatever is wrong with it, it is left out with a reason; it never changes how the
others are aggregated, and never ends the round.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit.adapter.delta import Adapter, Delta, other_base
from mcuedit.adapter.encoding import decode, encode
from mcuedit.model.tflite import Model


@dataclass(frozen=True)
class Submission:
    """What one client sent.

    Attributes:
        client: the server's name for it: from its list of clients, or of the place that it put the file; the file says
            nothing of who sent it.
        adapter: None where the file is none; `fault` says why.
    """

    client: str
    adapter: Adapter | None
    fault: str = ""

    @classmethod
    def read(cls, client: str, load: Callable[[], Adapter]) -> Submission:
        """Reads one, whatever comes of it."""
        try:
            return cls(client, load())
        except McueditError as error:
            return cls(client, None, error.message)
        except Exception as error:  # a stranger's file, and this client's loss alone
            return cls(client, None, f"damaged ({type(error).__name__})")


@dataclass(frozen=True)
class Dropped:
    """A submission that does not count."""

    client: str
    reason: str


@dataclass(frozen=True)
class Pins:
    """What holds for all submissions of a round.

    Attributes:
        start: the adapter that the server gave out: its labels are those of the round, and where `frozen` all of it
            but B is that of every submission.
        clients: names of those who may submit, each once; None: everybody, and the same factors count once, because a
            copy cannot be told from another client then.
        plain: gated deltas do not fit.
    """

    model: Model
    start: Adapter | None = None
    clients: Collection[str] | None = None
    frozen: bool = False
    plain: bool = False

    def admit(self, submissions: Sequence[Submission]) -> tuple[list[tuple[int, Adapter]], list[Dropped]]:
        """What fits, each with its place in the order, and what does not."""
        fitting: list[tuple[int, Adapter]] = []
        dropped, seen, copies = list[Dropped](), set[str](), dict[bytes, str]()
        for place, one in enumerate(submissions):
            reason = self._unfit(one, seen)
            if not reason and one.adapter is not None:
                reason = self._copy(one.client, one.adapter, copies)
            if reason or one.adapter is None:
                dropped.append(Dropped(one.client, reason))
                continue
            seen.add(one.client)
            fitting.append((place, one.adapter))
        return fitting, dropped

    def _unfit(self, one: Submission, seen: Collection[str]) -> str:
        """Why a submission does not fit; empty: it does."""
        if self.clients is not None and one.client not in self.clients:
            return "not a client of this round"
        if one.client in seen:
            return "it has submitted already"
        if one.adapter is None:
            return one.fault
        try:
            return self._misfit(one.adapter)
        except McueditError as error:
            return error.message
        except Exception as error:  # as above
            return f"damaged ({type(error).__name__})"

    def _misfit(self, adapter: Adapter) -> str:
        if adapter.base_sha256 != self.model.sha256:
            raise other_base(adapter.base_sha256, self.model.sha256)
        _stored(adapter, self.model)
        if self.plain and any(d.gated for d in adapter.deltas):
            return "a gated delta is no matrix: there is no mean of them"
        if self.start is not None and self.frozen:
            if len(adapter.deltas) != len(self.start.deltas):
                return f"{len(adapter.deltas)} deltas, the round has {len(self.start.deltas)}"
            for own, pinned in zip(adapter.deltas, self.start.deltas, strict=True):
                for name in _differing(own, pinned, but="b"):
                    return f"another {_NAMES.get(name, name)} than the round's"
        named = {} if self.start is None else self.start.labels
        for index, label in adapter.labels.items():
            if named.get(index) != label:
                ours = repr(named[index]) if index in named else "does not"
                return f"it names class {index} {label!r}, the round {ours}"
        return ""

    def _copy(self, client: str, adapter: Adapter, copies: dict[bytes, str]) -> str:
        """Whose copy it is, where clients are not known; who has nothing to say is no copy."""
        if self.clients is not None or not any(d.b.any() for d in adapter.deltas):
            return ""
        whose = copies.setdefault(encode(replace(adapter, labels={}), self.model), client)
        return "" if whose == client else f"the same factors as {whose}"


_NAMES = {"a": "A", "c": "gate offset c", "rows": "choice of rows of B", "m": "gate multiplier m", "s": "gate shift s"}


def _stored(adapter: Adapter, model: Model) -> None:
    """Proves that every field survives being written as device bytes.

    Raises:
        McueditError: one does not, or as `encode` and `decode`.
    """
    again = decode(encode(adapter, model), model, adapter.name)
    ordered = sorted(adapter.deltas, key=lambda d: (d.target, d.tap))
    for own, read in zip(ordered, again.deltas, strict=True):
        for name in _differing(own, read):
            raise McueditError(f"its {_NAMES.get(name, name)} cannot be stored")


def _differing(one: Delta, other: Delta, but: str = "") -> list[str]:
    """Fields in which two deltas differ."""
    names = [f.name for f in fields(Delta) if f.name != but]
    return [n for n in names if not np.array_equal(_array(getattr(one, n)), _array(getattr(other, n)))]


def _array(value: object) -> np.ndarray:
    """None is no array of one element."""
    return np.array([] if value is None else value)
