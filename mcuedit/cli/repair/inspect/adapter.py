# SPDX-License-Identifier: Apache-2.0
"""mcuedit inspect ADAPTER: its deltas and labels."""

from __future__ import annotations

import hashlib
from typing import Any

from mcuedit.adapter.delta import Adapter
from mcuedit.cli._shared.common import print_json, stdout, table
from mcuedit.cli._shared.terminal import styled
from mcuedit.model.adaptable import tap_name


def show(adapter: Adapter, data: bytes | None, as_json: bool) -> None:
    """Everything that is known of an adapter, and of its device bytes."""
    values: dict[str, Any] = {
        "kind": "adapter",
        "name": adapter.name,
        "version": adapter.version,
        "base_sha256": adapter.base_sha256,
        "output": adapter.output,
        "deltas": len(adapter.deltas),
        "rank": sum(d.rank for d in adapter.deltas),
        "factor_bytes": adapter.factor_bytes,
        "label_classes": sorted(adapter.labels),
        "label_names": [name for _, name in sorted(adapter.labels.items())],
        "edits": len(adapter.info.get("edits", ())),
    }
    if data is not None:
        values |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    if as_json:
        print_json(values)
        return
    out = stdout()
    size = f"{adapter.factor_bytes:,} bytes of factors"
    if data is not None:
        size += f" in {len(data):,} bytes for the device"
    out.print(styled((adapter.name, "bold"), f" {adapter.version} {size}"))
    of = f", output {adapter.output!r}" if adapter.output else ""
    out.print(f"for base {adapter.base_sha256}{of}")
    rows = [
        (
            f"{tap_name(d.tap)} -> {d.target}",
            d.rank,
            ("gated" if d.gated else "plain") + (", conditional" if d.conditional else ""),
            d.bits,
            d.a.shape[1],
            "all" if d.rows is None else len(d.rows),
            d.factor_bytes,
        )
        for d in adapter.deltas
    ]
    out.print(table("", ("delta", "rank", "kind", "bits of A", "inputs", "rows", "bytes"), rows, left=("kind",)))
    for index, label in sorted(adapter.labels.items()):
        out.print(f"class {index} is named {label}", markup=False)
