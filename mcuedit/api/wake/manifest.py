# SPDX-License-Identifier: Apache-2.0
"""ESPHome's JSON beside a model, version 2: read, checked against the model, and written anew."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mcuedit._util import bounded
from mcuedit._util.errors import McueditError
from mcuedit.api.wake.decision import Rule, cutoff_of

_HINT = "it is the JSON that ESPHome wants beside the model, version 2"
_ALIGN = 16


@dataclass(frozen=True)
class Manifest:
    """What the JSON says.

    Attributes:
        data: all of it. cutoff, window, arena: probability_cutoff, sliding_window_size, tensor_arena_size.
        notes: what is odd about it.
    """

    data: dict[str, Any]
    cutoff: float
    window: int
    arena: int
    notes: tuple[str, ...] = ()

    def rule(self, stride: int) -> Rule:
        """How a device decides that has it."""
        return Rule(cutoff_of(self.cutoff), self.window, stride)

    def written(self, model: str, cutoff: float, arena: int) -> bytes:
        """The JSON of a model that takes this one's place: all else stays."""
        micro = {**self.data["micro"], "probability_cutoff": cutoff, "tensor_arena_size": arena}
        return (json.dumps({**self.data, "model": model, "micro": micro}, indent=2, ensure_ascii=False) + "\n").encode()


def load(model: Path) -> Manifest:
    """The JSON of a model: that of its name, beside it.

    Raises:
        McueditError: there is none, a field is missing or out of range, or it is about another file.
    """
    path = model.with_suffix(".json")
    if not path.is_file():
        hint = f"{_HINT}: copy it there, or write one with probability_cutoff and sliding_window_size"
        raise McueditError(f"{path}: not there", hint)
    data = bounded.json_object(bounded.read(path, bounded.CONFIG, _HINT), str(path), _HINT)
    micro = data.get("micro")
    if data.get("type") != "micro" or data.get("version") != 2 or not isinstance(micro, dict):
        raise McueditError(f"{path}: no manifest of type micro and version 2", _HINT)
    if data.get("model") != model.name:
        raise McueditError(f"{path}: it is about {data.get('model')!r}, not {model.name!r}", "mend its field model")
    cutoff, window = _number(path, micro, "probability_cutoff", 0, 1), _whole(path, micro, "sliding_window_size", 1)
    arena = _whole(path, micro, "tensor_arena_size", 0)
    step = micro.get("feature_step_size", 10)
    if step != 10:
        raise McueditError(f"{path}: feature_step_size {step!r}", "10 is known: slices of 10 ms")
    return Manifest(data, float(cutoff), window, arena)


def checked(manifest: Manifest, needed: int) -> Manifest:
    """With a note where the arena it gives the base is less than the base may need.

    Args:
        needed: an upper bound of that.
    """
    if manifest.arena * 2 >= needed:
        return manifest
    note = f"tensor_arena_size {manifest.arena:,} is little for this model, whose bound is {needed:,}: is it its JSON?"
    return replace(manifest, notes=(*manifest.notes, note))


def enlarged(manifest: Manifest, base: int, now: int, limit: int | None) -> int:
    """The arena of the model that takes the base's place: what the firmware's kernels need of it is not known here.

    Args:
        base, now: upper bounds of both models' needs; the difference is what was added.
        limit: of the firmware, or None.

    Raises:
        McueditError: it is more than that.
    """
    arena = -(-(manifest.arena + max(0, now - base)) // _ALIGN) * _ALIGN
    if limit is not None and arena > limit:
        raise McueditError(
            f"the arena would be {arena:,} bytes, the firmware's limit is {limit:,}",
            "take the adapter instead of the .tflite (mcuedit pack), or fewer gates: --rank 1",
        )
    return arena


def _number(path: Path, micro: dict[str, Any], name: str, low: float, high: float) -> float:
    value = micro.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low < value <= high:
        raise McueditError(f"{path}: micro.{name} is {value!r}", f"a number above {low:g}, at most {high:g}")
    return value


def _whole(path: Path, micro: dict[str, Any], name: str, least: int) -> int:
    value = micro.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= 1 << 24:
        raise McueditError(f"{path}: micro.{name} is {value!r}", f"a whole number from {least}")
    return value
