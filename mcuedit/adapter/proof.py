# SPDX-License-Identifier: Apache-2.0
"""Device bytes that are proven to say what the adapter says: before they are signed, they are read back."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit.adapter.delta import Adapter, Delta
from mcuedit.adapter.encoding import decode, encode
from mcuedit.model.tflite import Model


def proven(adapter: Adapter, model: Model) -> bytes:
    """Device bytes as `encode` makes them.

    Raises:
        McueditError: as `encode`; or a field is read back as something else, which a device would do, too.
    """
    data = encode(adapter, model)
    found = decode(data, model, adapter.name)
    deltas = sorted(adapter.deltas, key=lambda d: (d.target, d.tap))
    if len(found.deltas) != len(deltas) or found.labels != adapter.labels:
        raise _other(adapter, "labels" if len(found.deltas) == len(deltas) else "deltas")
    for given, read in zip(deltas, found.deltas, strict=True):
        for field in fields(Delta):
            if not _same(getattr(given, field.name), getattr(read, field.name)):
                raise _other(adapter, f"{field.name} of delta {given.tap} -> {given.target}")
    return data


def _same(given: Any, read: Any) -> bool:
    """Whether two values of a field are one; NaN is no value, and equals nothing."""
    if given is None or read is None:
        return given is read
    return bool(np.shape(given) == np.shape(read) and np.array_equal(given, read))


def _other(adapter: Adapter, what: str) -> McueditError:
    return McueditError(
        f"adapter {adapter.name}: {what}: a device would read another value than is here", "train it again"
    )
