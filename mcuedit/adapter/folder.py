# SPDX-License-Identifier: Apache-2.0
"""Adapter folders on the host: adapter_config.json and adapter_model.safetensors, with PEFT's names.

The tensors are the integers of SPEC.md section 2, one group per delta: `delta.<i>.lora_A.weight` int8[r, n_in],
`delta.<i>.lora_B.weight` int8[n_rows, r], `.c`, `.m`, `.s`, unless B is dense `.rows`, and with windows `.first`. A
folder may carry the edits it was trained on in edits.jsonl, so that a later training can take them into account; they
never go to a device.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mcuedit._util import bounded, textfile, visible
from mcuedit._util.atomic import write_folder
from mcuedit._util.errors import McueditError
from mcuedit._util.typing import IntArray
from mcuedit.adapter.delta import Adapter, Delta

if TYPE_CHECKING:
    from mcuedit.adapter import form

CONFIG, TENSORS, EDITS = "adapter_config.json", "adapter_model.safetensors", "edits.jsonl"
_FORMAT = 1
_NONE = f"an adapter is a folder with {CONFIG} and {TENSORS}, as 'mcuedit edit -o' writes it"
_RESTORE = "train it again, or restore the folder"
_LONGEST = 255  # characters of a name, as in form.py
_INT32_MAX = (1 << 31) - 1
_SCALARS = ("tap", "target", "M", "S", "gated", "bits", "zx", "act_lo", "act_hi")


def save(adapter: Adapter, path: str | Path, *, force: bool = False) -> None:
    """Writes an adapter's folder, whole or not at all.

    Args:
        force: replace a folder that mcuedit did not write.

    Raises:
        McueditError: its name is none, or the place is taken or cannot be written.
    """
    from safetensors.numpy import save as to_safetensors

    check_name(adapter.name)
    tensors: dict[str, np.ndarray] = {}
    for i, delta in enumerate(adapter.deltas):
        group = f"delta.{i}."
        tensors[group + "lora_A.weight"] = np.ascontiguousarray(delta.a)
        tensors[group + "lora_B.weight"] = np.ascontiguousarray(delta.b)
        tensors |= {group + name: np.ascontiguousarray(getattr(delta, name)) for name in ("c", "m", "s")}
        if delta.rows is not None:
            tensors[group + "rows"] = np.ascontiguousarray(delta.rows)
        if delta.first is not None:
            tensors[group + "first"] = np.ascontiguousarray(delta.first)
    rank = max((d.rank for d in adapter.deltas), default=0)
    config = {
        "peft_type": "LORA",
        "r": rank,
        "lora_alpha": rank,
        "target_modules": sorted({str(d.target) for d in adapter.deltas}),
        "bias": "none",
        "task_type": None,
        "mcuedit": {
            "format": _FORMAT,
            "name": adapter.name,
            "version": adapter.version,
            "base_sha256": adapter.base_sha256,
            "labels": {str(k): v for k, v in sorted(adapter.labels.items())},
            "deltas": [_scalars(d) for d in adapter.deltas],
            "info": adapter.info,
            **({"output": adapter.output} if adapter.output else {}),
        },
    }
    text = json.dumps(config, indent=2, ensure_ascii=False) + "\n"
    write_folder(path, {CONFIG: text, TENSORS: to_safetensors(tensors), **adapter.files}, force=force)


def check_name(name: str) -> None:
    """Raises McueditError for a name that no adapter's folder can tell; to be asked before long work."""
    if not 1 <= len(name) <= _LONGEST or not visible.is_line(name):
        raise McueditError(
            f"name {name[:_LONGEST]!r} is none", "use 1 to 255 characters that can be seen; --name gives one"
        )


def load(path: str | Path) -> Adapter:
    """Reads an adapter's folder.

    Raises:
        McueditError: a file is missing or damaged. Whether the adapter fits a base shows when it is encoded.
    """
    path = Path(path)
    from pydantic import ValidationError
    from safetensors import SafetensorError
    from safetensors.numpy import load as from_safetensors

    from mcuedit._util import schema

    try:
        config = _config(path)
        tensors = from_safetensors(bounded.data(path / TENSORS, bounded.TENSORS))
        deltas = tuple(_delta(scalars, tensors, f"delta.{i}.") for i, scalars in enumerate(config.deltas))
        files = {EDITS: textfile.read(path / EDITS)} if (path / EDITS).exists() else {}
        name = config.name, config.version, config.base_sha256
        return Adapter(*name, deltas, config.labels, config.info, files, config.output)
    except OSError as error:
        raise McueditError(f"{path}: no adapter ({error.strerror or error})", _NONE) from error
    except ValidationError as error:
        raise McueditError(f"{path}: damaged adapter ({CONFIG}: {schema.told(error)})", _RESTORE) from error
    except (ValueError, KeyError, TypeError, IndexError, SafetensorError) as error:
        raise McueditError(f"{path}: damaged adapter ({error})", _RESTORE) from error


def _scalars(delta: Delta) -> dict[str, Any]:
    whole = {name: getattr(delta, name) for name in _SCALARS}
    whole |= {} if delta.first is None else {"width": delta.width}
    return whole | {"conditional": True} if delta.conditional else whole


def _config(path: Path) -> form.Ours:
    """Our part of the configuration."""
    from mcuedit.adapter import form

    text = textfile.decode(bounded.data(path / CONFIG, bounded.CONFIG), str(path / CONFIG))
    whole = form.Config.model_validate_json(text)
    if whole.mcuedit is None and whole.peft_type and not _has_our_tensors(path):
        of = f" for {whole.base_model_name_or_path}" if whole.base_model_name_or_path else ""
        raise McueditError(
            f"{path}: a {whole.peft_type} adapter{of} of Hugging Face PEFT, not one of mcuedit",
            "train one for an int8 base: mcuedit edit BASE --edits F.jsonl --keep K.jsonl -o DIR",
        )
    ours = whole.mcuedit or {}
    if ours.get("format", _FORMAT) != _FORMAT:
        raise McueditError(f"{path}: adapter format {ours['format']} is unknown", "use the mcuedit that wrote it")
    return form.Ours.model_validate(ours)


def _has_our_tensors(path: Path) -> bool:
    """Whether the tensors are named as `save` names them: then the configuration is damaged."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path / TENSORS, "numpy") as file:
            return all(name.startswith("delta.") for name in file.keys())  # noqa: SIM118
    except (OSError, SafetensorError):
        return False


def _delta(scalars: form.Scalars, tensors: Mapping[str, np.ndarray], group: str) -> Delta:
    a, b = tensors[group + "lora_A.weight"], tensors[group + "lora_B.weight"]
    c, m, s = (_integers(tensors, group + name) for name in ("c", "m", "s"))
    rows, first = (_integers(tensors, group + name) if group + name in tensors else None for name in ("rows", "first"))
    if a.dtype != np.int8 or b.dtype != np.int8 or a.ndim != 2 or b.ndim != 2:
        raise ValueError(f"{group}lora_A and lora_B must be int8 matrices")
    if not len(a) == b.shape[1] == len(c) == len(m) == len(s):
        raise ValueError(f"the factors of {group[:-1]} differ in rank")
    values = {name: getattr(scalars, name) for name in (*_SCALARS, "conditional")}
    if first is not None:
        values |= {"first": first, "width": scalars.width}
    return Delta(a=a, b=b, c=c, m=m, s=s, rows=rows, **values)


def _integers(tensors: Mapping[str, np.ndarray], name: str) -> IntArray:
    """A tensor of integers, each of which a device can hold in 32 bits."""
    found = tensors[name]
    if found.dtype.kind not in "iu" or found.ndim != 1:
        raise ValueError(f"{name} is {found.dtype}{list(found.shape)}, not a row of integers")
    beyond = found[(found > _INT32_MAX) | (found < ~_INT32_MAX)]
    if len(beyond):
        raise ValueError(f"{name} holds {beyond[0]}, beyond 32 bits")
    return found.astype(np.int64)
