# SPDX-License-Identifier: Apache-2.0
"""Raw outputs behind the metrics, so that anybody can compute them again."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np

from mcuedit.adapter.forward import Trace, logits_tensor, with_deltas
from mcuedit.evaluation.metrics import ROLES, Case
from mcuedit.model.oracle import Reader


def dump(reader: Reader, cases: Sequence[Case], keep: Sequence[str]) -> bytes:
    """An .npz of every evaluated prompt.

    Arrays: `prompt` str[n], `active_set` int64[n] (which one was in force), and int8[n, classes] each: `base_logits`,
    `base_output`, `logits`, `output`. `edit`, `role`, `row` say which rows (index into those) belong to which edit in
    which role; `wanted` int64[edits] is the class each edit wants. Keep prompts have role "keep" and edit -1.
    """
    model = reader.base.model
    logits, output = logits_tensor(model), model.output.index
    columns: dict[str, list[np.ndarray]] = {n: [] for n in ("base_logits", "base_output", "logits", "output")}
    prompts: list[str] = []
    set_of: list[int] = []
    pairs: list[tuple[int, str, int]] = []
    sets = {id(p.deltas): p.deltas for p in cases}
    for number, (key, deltas) in enumerate(sets.items()):
        asked = [
            (e, role, prompt)
            for e, case in enumerate(cases)
            if id(case.deltas) == key
            for role in ROLES
            for prompt in getattr(case.questions, role)
        ]
        asked += [(-1, "keep", prompt) for prompt in keep]
        row = {prompt: len(prompts) + i for i, prompt in enumerate(dict.fromkeys(p for _, _, p in asked))}
        pairs += [(e, role, row[prompt]) for e, role, prompt in asked]
        prompts += row
        set_of += [number] * len(row)
        base = Trace(reader(list(row)))
        now = with_deltas(model, deltas, base)
        for name, trace, tensor in (
            ("base_logits", base, logits),
            ("base_output", base, output),
            ("logits", now, logits),
            ("output", now, output),
        ):
            columns[name].append(trace.values[tensor].reshape(len(row), -1))
    edit, role, rows = zip(*pairs, strict=True)
    file = io.BytesIO()
    np.savez_compressed(
        file,
        prompt=np.array(prompts),
        active_set=np.array(set_of),
        edit=np.array(edit),
        role=np.array(role),
        row=np.array(rows),
        wanted=np.array([p.wanted for p in cases]),
        **{name: np.concatenate(parts) for name, parts in columns.items()},  # type: ignore[arg-type]
    )
    return file.getvalue()
