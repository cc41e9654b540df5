# SPDX-License-Identifier: Apache-2.0
"""What training an adapter came to: figures, the verdict on what was to be kept, the exit code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcuedit.cli import complain
from mcuedit.cli._common import print_json, stdout
from mcuedit.cli._files import metrics_table, placement_table, tensor_table
from mcuedit.evaluation.metrics import Metrics
from mcuedit.evaluation.tensors import TensorMetrics
from mcuedit.oracle import Reader
from mcuedit.training import Trained

FLOOR = 0.9  # share of what is to be kept that must stay
_WAYS = "give more inputs to keep, another --tap and --target, or a lower --floor if this will do"


def report(
    trained: Trained,
    head: Mapping[str, Any],
    measured: Metrics | TensorMetrics,
    read: Reader,
    floor: float,
    *,
    gated: bool,
    as_json: bool,
) -> int:
    """Prints all figures; the exit code. `head`: the values of --json that stand before the certificate's."""
    short = trained.certificate.shortfalls(floor, answers=trained.answers, outputs=gated)
    verdict = {"floor": floor, "shortfalls": list(short)}
    if as_json:
        print_json({**head, **_certificate(trained), **verdict, **_placement(trained)})
    else:
        _show(trained, head, measured, read)
    for what in short:
        complain(f"{head['adapter']}: {what}", _WAYS)
    return 0 if measured.efficacy == 1.0 and not short else 1


def _certificate(trained: Trained) -> dict[str, Any]:
    c = trained.certificate
    return {
        "certified": c.holds,
        "certificate_total": c.total,
        "certificate_identical": c.identical,
        "certificate_answered": c.answered,
        "overlapping": list(trained.overlapping),
    }


def _placement(trained: Trained) -> dict[str, Any]:
    taken = trained.placement[0]
    return {"tap": taken.tap, "target": taken.target, "separable": taken.separable}


def _show(trained: Trained, values: Mapping[str, Any], metrics: Metrics | TensorMetrics, read: Reader) -> None:
    out = stdout()
    out.print(metrics_table(metrics) if isinstance(metrics, Metrics) else tensor_table(metrics))
    out.print()
    if len(trained.placement) > 1:
        out.print(placement_table(trained.placement))
        out.print()
    model = len(read.base.model.data)
    out.print(f"certificate: {trained.certificate}")
    out.print(
        f"{values['adapter']}: {values['adapter_bytes']} bytes for the device, "
        f"{trained.adapter.factor_bytes} of them factors; the model of {model:,} bytes stays as it is"
    )
