# SPDX-License-Identifier: Apache-2.0
"""A package beside its base, beside its own zlib, and beside a binary patch of the same model."""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit.adapter.delta import Adapter
from mcuedit.adapter.encoding import encode
from mcuedit.adapter.weight_patch import merge, weights_of
from mcuedit.model.tflite import Model


@dataclass(frozen=True)
class Sizes:
    """Bytes.

    Attributes:
        package_zlib: the package, deflated.
        adapter: the device bytes in it, without signature.
        model, model_zlib: the base's whole .tflite, and deflated.
        rows: rows of weights that the adapter's targets add to, of all its deltas.
        rows_patch: a detools patch (sequential, LZMA) that gives exactly those rows other weights, drawn at random:
            nobody has trained them, but a patch that replaces these rows is about that long. None where the weights
            cannot be changed in place.
        patch: a detools patch from the base to a given other model. None without one.
    """

    package: int
    package_zlib: int
    adapter: int
    model: int
    model_zlib: int
    rows: int
    rows_patch: int | None
    patch: int | None = None

    def flat(self) -> dict[str, int | None]:
        """By the names that --json prints."""
        return {
            "bytes": self.package,
            "zlib_bytes": self.package_zlib,
            "adapter_bytes": self.adapter,
            "model_bytes": self.model,
            "model_zlib_bytes": self.model_zlib,
            "target_rows": self.rows,
            "detools_rows_bytes": self.rows_patch,
            "detools_against_bytes": self.patch,
        }


def sizes(data: bytes, adapter: Adapter, model: Model, against: bytes | None = None) -> Sizes:
    """Measures a package.

    Args:
        adapter: the one in it.
        against: another .tflite, such as a merged one, that makes the same repair.
    """
    return Sizes(
        len(data),
        len(zlib.compress(data, 9)),
        len(encode(adapter, model)),
        len(model.data),
        len(zlib.compress(model.data, 9)),
        sum(len(rows) for rows in _rows(adapter, model).values()),
        _rows_patch(adapter, model),
        None if against is None else detools_patch(model.data, against),
    )


def detools_patch(old: bytes, new: bytes) -> int:
    """Bytes of a detools patch: sequential, LZMA, its defaults."""
    import detools

    out = io.BytesIO()
    detools.create_patch(io.BytesIO(old), io.BytesIO(new), out)
    return len(out.getvalue())


def _rows(adapter: Adapter, model: Model) -> dict[int, list[int]]:
    """Rows of the weights of each target that deltas add to."""
    rows: dict[int, set[int]] = {}
    for delta in adapter.deltas:
        rows.setdefault(delta.target, set()).update(range(len(delta.b)) if delta.rows is None else map(int, delta.rows))
    return {target: sorted(found) for target, found in sorted(rows.items())}


def _rows_patch(adapter: Adapter, model: Model) -> int | None:
    random = np.random.default_rng(0)
    data = model.data
    try:
        for target, rows in _rows(adapter, model).items():
            weights = weights_of(model, target).copy()
            weights[rows] = random.integers(-127, 127, (len(rows), weights.shape[1]), endpoint=True)
            merged = merge(model, target, weights)
            start, end = _changed(model.data, merged)
            data = data[:start] + merged[start:end] + data[end:]
    except McueditError:
        return None
    return detools_patch(model.data, data)


def _changed(old: bytes, new: bytes) -> tuple[int, int]:
    at = np.flatnonzero(np.frombuffer(old, np.uint8) != np.frombuffer(new, np.uint8))
    return (int(at[0]), int(at[-1]) + 1) if len(at) else (0, 0)
