# SPDX-License-Identifier: Apache-2.0
"""What training an adapter came to: figures, the verdict on what was to be kept, the exit code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mcuedit.adapter import folder
from mcuedit.cli._shared.common import notes, print_json, stdout
from mcuedit.cli._shared.files import metrics_table, placement_table, tensor_table
from mcuedit.cli._shared.messages import complain
from mcuedit.cli.repair.edit.given import Given
from mcuedit.evaluation.metrics import Metrics
from mcuedit.evaluation.tensors import TensorMetrics
from mcuedit.model.adaptable import tap_value
from mcuedit.model.oracle import Reader
from mcuedit.training import Edited

_WAYS = "give more inputs to keep, another --tap and --target, or a lower --floor if this will do"


def report(
    trained: Edited, head: Mapping[str, Any], measured: Metrics | TensorMetrics, read: Reader, given: Given
) -> int:
    """Prints all figures; the exit code. `head`: the values of --json that stand before the certificate's."""
    short = trained.certificate.shortfalls(given.floor, answers=trained.answers, outputs=given.gated)
    if given.as_json:
        verdict = {"floor": given.floor, "shortfalls": list(short)}
        print_json({**head, **_certificate(trained), **verdict, **_placement(trained)})
    else:
        _show(trained, head, measured, read)
    for what in short:
        complain(f"{head['adapter']}: {what}", _WAYS)
    for what, way in _idle(trained):
        complain(f"{head['adapter']}: {what}", way)
    return 0 if trained.acting.holds and not short else 1


def nothing_left(trained: Edited, output: Path, metrics: Mapping[str, Any], *, as_json: bool) -> int:
    """Says that no adapter is needed, and how to take back one that is; the exit code."""
    stale = (output / folder.CONFIG).exists()
    notes(
        (
            "nothing is left to train: the base gives every answer by itself, and no adapter is written",
            "on a device: 'mcuedit deactivate NAME --to ADDRESS' takes such an adapter out of force",
        )
    )
    if as_json:
        print_json({"adapter": None, "adapter_bytes": 0, **metrics, **_certificate(trained)})
    if not trained.acting.holds:
        complain(str(trained.acting), "mend the adapters in force")
    if stale:
        complain(f"{output}: still holds an adapter, which was left as it is", f"remove it: rm -r {output}")
    return 0 if trained.acting.holds and not stale else 1


def _idle(trained: Edited) -> list[tuple[str, str]]:
    """What does not act as asked in the active set, and the way out."""
    acting, others = trained.acting, trained.acting.together[:-1]
    where = f" beside {', '.join(others)}" if others else ""
    way = "give more wordings or another --tap"
    if others:
        way = f"give the edits of {', '.join(others)} with a second --edits, without --with: gates then differ"
    found = []
    if acting.right < acting.asked:
        named = f" ({', '.join(acting.failing[:5])})" if acting.failing else ""
        missed = (
            f"{acting.asked - acting.right} of {acting.asked} edited inputs do not get what is wanted{where}{named}"
        )
        found.append((missed, way))
    if acting.disturbed:
        shown = ", ".join(map(repr, acting.disturbed[:3]))
        found.append((f"{len(acting.disturbed)} inputs of the edits in force get another answer: {shown}", way))
    return found


def _certificate(trained: Edited) -> dict[str, Any]:
    c = trained.certificate
    return {
        "certified": trained.certified,
        "certificate_active_set": list(trained.acting.together),
        "certificate_efficacy": trained.acting.efficacy,
        "disturbed": len(trained.acting.disturbed),
        "replaces": list(trained.replaces),
        "certificate_total": c.total,
        "certificate_identical": c.identical,
        "certificate_answered": c.answered,
        "overlapping": list(trained.overlapping),
    }


def _placement(trained: Edited) -> dict[str, Any]:
    taken = trained.placement[0]
    return {"tap": tap_value(taken.tap), "target": taken.target, "separable": taken.separable}


def _show(trained: Edited, values: Mapping[str, Any], metrics: Metrics | TensorMetrics, read: Reader) -> None:
    out = stdout()
    out.print(metrics_table(metrics) if isinstance(metrics, Metrics) else tensor_table(metrics))
    out.print()
    if len(trained.placement) > 1:
        out.print(placement_table(trained.placement))
        out.print()
    model = len(read.base.model.data)
    out.print(f"{'certificate' if trained.certified else 'not certified'}: {trained.certificate}; {trained.acting}")
    out.print(
        f"{values['adapter']}: {values['adapter_bytes']} bytes for the device, "
        f"{trained.adapter.factor_bytes} of them factors; the model of {model:,} bytes stays as it is"
    )
