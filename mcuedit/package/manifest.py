# SPDX-License-Identifier: Apache-2.0
"""What a package's manifest says: it stays on the host, and its hash travels."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mcuedit._util import bounded
from mcuedit._util.errors import McueditError
from mcuedit.adapter.delta import Adapter
from mcuedit.adapter.encoding import encode
from mcuedit.edits import Edit
from mcuedit.model.tflite import Model
from mcuedit.package.container import Identity

FORMAT = 1
_HINT = "give the manifest that 'mcuedit pack' wrote"


@dataclass(frozen=True)
class Part:
    """One of the adapters in a package."""

    adapter: Adapter
    edits: tuple[Edit, ...]
    sha256: str


def part(adapter: Adapter, edits: Sequence[Edit], model: Model) -> Part:
    """An adapter with the edits that it remembers, none if it came as device bytes."""
    return Part(adapter, tuple(edits), hashlib.sha256(encode(adapter, model)).hexdigest())


def write(identity: Identity, parts: Sequence[Part], self_tests: Sequence[dict[str, Any]]) -> bytes:
    """Canonical JSON: sorted keys, no spaces, UTF-8. The same input gives the same bytes.

    Raises:
        McueditError: it holds what JSON has no form for: NaN, an infinity, half a surrogate pair.
    """
    values = {
        "format": FORMAT,
        **vars(identity),
        "adapters": [_adapter(one) for one in parts],
        "self_tests": list(self_tests),
    }
    try:
        return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    except ValueError as error:
        hint = "metrics, options and edits must be finite numbers and whole texts: train it again"
        raise McueditError(f"manifest of {identity.name}: no JSON can be made of it ({error})", hint) from error


def _adapter(one: Part) -> dict[str, Any]:
    return {
        "name": one.adapter.name,
        "version": one.adapter.version,
        "sha256": one.sha256,
        "edits": [{**edit.to_dict(), "sha256": edit.sha256} for edit in one.edits],
        "metrics": one.adapter.info.get("metrics", {}),
        "options": one.adapter.info.get("options", {}),
        "labels": {str(index): label for index, label in sorted(one.adapter.labels.items())},
        **({"output": one.adapter.output} if one.adapter.output else {}),
    }


def read(content: bytes, name: str = "the manifest") -> dict[str, Any]:
    """What a manifest says, in the form that `write` gives it; fields of a later mcuedit stay.

    Raises:
        McueditError: it is no JSON object, or names every field that is not as expected.
    """
    from pydantic import ValidationError

    from mcuedit._util import schema
    from mcuedit.package.form import Manifest

    values = bounded.json_object(content, name, _HINT)
    try:
        Manifest.model_validate(values)
    except ValidationError as error:
        raise McueditError(f"{name}: {schema.told(error)}", _HINT) from error
    return values
