# SPDX-License-Identifier: Apache-2.0
"""What an extended .tflite says of itself, and the way back to the base."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mcuedit._util.errors import McueditError
from mcuedit.adapter import encoding
from mcuedit.adapter.delta import Adapter
from mcuedit.codegen.augment.graft import ALIGN
from mcuedit.model.tflite import Model

KEY = "mcuedit"
_FORMAT = 1
_DAMAGED = "emit it again from the base and the adapters"


@dataclass(frozen=True)
class Mark:
    """An entry of the file's metadata.

    Attributes:
        form: chained, widened or inputs.
        base_sha256, base_size: of the file that was extended.
        adapters: name, version and SHA-256 of the device bytes of each, in this order.
        details: what the form adds.
    """

    form: str
    base_sha256: str
    base_size: int
    adapters: tuple[tuple[str, str, str], ...]
    details: dict[str, Any]

    def packed(self) -> bytes:
        """The entry's bytes."""
        whole = {
            "format": _FORMAT,
            "form": self.form,
            "base": self.base_sha256,
            "size": self.base_size,
            "adapters": [list(one) for one in self.adapters],
            **self.details,
        }
        return json.dumps(whole, separators=(",", ":"), ensure_ascii=False).encode()


def mark(model: Model, adapters: Sequence[Adapter], form: str, **details: Any) -> Mark:
    """The mark of a model extended by adapters.

    Raises:
        McueditError: an adapter does not fit the model.
    """
    ids = (hashlib.sha256(encoding.encode(adapter, model)).hexdigest() for adapter in adapters)
    named = tuple((a.name, a.version, one) for a, one in zip(adapters, ids, strict=True))
    return Mark(form, model.sha256, len(model.data), named, details)


def read(data: bytes) -> Mark | None:
    """The mark of a .tflite; None where it has none, or is none.

    Raises:
        McueditError: it has one that is damaged.
    """
    raw = _entry(data)
    if raw is None:
        return None
    try:
        whole = json.loads(raw)
        if whole.pop("format") != _FORMAT:
            raise McueditError("extended by another version of mcuedit", "use that one")
        form, sha256, size, adapters = (whole.pop(name) for name in ("form", "base", "size", "adapters"))
        named = tuple((str(name), str(version), str(one)) for name, version, one in adapters)
        return Mark(str(form), str(sha256), int(size), named, whole)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise McueditError(f"its entry {KEY!r} in the metadata is damaged ({error})", _DAMAGED) from error


def base_of(data: bytes, name: str) -> bytes:
    """The file that was extended.

    Raises:
        McueditError: there is none in it, or no longer the one that was.
    """
    found = read(data)
    if found is None:
        raise McueditError(f"{name}: not extended by mcuedit", "give what 'mcuedit emit --augment' wrote")
    start = len(data) - found.base_size - (-found.base_size % ALIGN)
    base = data[max(start, 0) : max(start, 0) + found.base_size]
    if start < 0 or hashlib.sha256(base).hexdigest() != found.base_sha256:
        raise McueditError(f"{name}: the base in it is not the one that was extended", _DAMAGED)
    return base


def _entry(data: bytes) -> bytes | None:
    if data[4:8] != b"TFL3":
        return None
    import struct

    from ai_edge_litert import schema_py_generated as schema

    try:
        root = schema.Model.GetRootAs(data, 0)
        for i in range(root.MetadataLength()):
            entry = root.Metadata(i)
            if entry.Name() == KEY.encode():
                return bytes(root.Buffers(entry.Buffer()).DataAsNumpy())
    except (struct.error, IndexError, ValueError, TypeError, AttributeError, OverflowError):
        pass  # no .tflite: whoever reads it as one says so
    return None
