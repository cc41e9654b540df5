# SPDX-License-Identifier: Apache-2.0
"""Files that several verbs read, and tables that several show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from mcuedit._util import bounded
from mcuedit._util.errors import McueditError
from mcuedit.adapter import encoding, folder
from mcuedit.adapter.chosen import for_adapters
from mcuedit.adapter.delta import Adapter, serving
from mcuedit.cli._shared.common import table
from mcuedit.edits import KeepSet, load_keep
from mcuedit.model.adaptable import tap_name
from mcuedit.model.bundle import Base, load, with_output

if TYPE_CHECKING:
    from mcuedit.evaluation.metrics import Metrics
    from mcuedit.evaluation.tensors import TensorMetrics
    from mcuedit.training.core.candidate import Candidate

B = TypeVar("B", bound=Base)

_MEASURED = ("measure", "share", "of")


def read_bytes(path: Path, hint: str) -> bytes:
    """Device bytes or a package that the user named."""
    return bounded.read(path, bounded.DEVICE, hint)


def load_chosen(path: Path, output_name: str | None) -> Base:
    """A base with the output that edits are about.

    Raises:
        McueditError: as `load` and `with_output`.
    """
    return with_output(load(path), output_name)


def read_adapter(path: Path, base: Base) -> Adapter:
    """A folder as `mcuedit edit` writes it, or device bytes."""
    if path.is_dir():
        return folder.load(path)
    return encoding.decode(read_bytes(path, "give an adapter's folder or device bytes"), base.model, path.name)


def read_adapters(paths: Sequence[Path], base: Base, output_name: str | None) -> tuple[Base, list[Adapter]]:
    """A base with the output that is named or that the folders remember, and the adapters.

    Raises:
        McueditError: as `for_adapters`, or an adapter cannot be read.
    """
    base = for_adapters(base, [folder.load(path) for path in paths if path.is_dir()], output_name)
    return base, [read_adapter(path, base) for path in paths]


def served(base: B, ops: Sequence[str], adapters: Sequence[Adapter] = ()) -> B:
    """A base whose generated code serves deltas where the adapters have some, and at the ops of --serve.

    Raises:
        McueditError: as `find_op`.
    """
    from mcuedit.training.placement.pairs import find_op

    return replace(base, model=serving(base.model, adapters, [find_op(base.model, op) for op in ops]))


def scaled(base: Base, scales: str, runtime: str = "bare") -> Base:
    """A base with --tflm-scales.

    Raises:
        McueditError: the option does not go with the runtime, or TFLM_ROOT names no tree.
    """
    from mcuedit.build.external import tflm
    from mcuedit.emulate.runner import with_scales
    from mcuedit.model.scales import FLOAT_KINDS

    if scales == "double":
        return base
    if runtime != "bare":
        raise McueditError(
            f"--tflm-scales {scales} beside runtime {runtime}, which has kernels of its own",
            "leave it out: what is expected of that firmware follows TFLM_ROOT",
        )
    return with_scales(base, FLOAT_KINDS if scales == "float" else tflm.scales(tflm.root()).floats)


def zoo_base(adapters: Sequence[Adapter]) -> Base:
    """The base of the zoo that adapters are for."""
    from mcuedit import zoo

    if not adapters:
        raise McueditError("neither an adapter nor a base is given", "give ADAPTER..., or --base BASE for a base alone")
    for name in zoo.names():
        found = load(zoo.folder(name))
        if found.model.sha256 == adapters[0].base_sha256:
            return found
    raise McueditError(
        f"adapter {adapters[0].name} is for base {adapters[0].base_sha256[:16]}, which is not in the zoo",
        "add --base BASE",
    )


def metrics_table(metrics: Metrics, title: str = "") -> object:
    """The figures that a person reads."""
    asked = f"other facts of the edited subjects that stay, in {metrics.same_subject_wordings:,} unread wordings"
    rows = [
        ("efficacy", metrics.efficacy, "edited prompts that get the new answer"),
        ("  worst edit", metrics.efficacy_worst, ""),
        ("paraphrase", metrics.paraphrase, "other wordings that get it"),
        ("neighbourhood", metrics.neighbourhood, "facts of the same relation that stay"),
        ("  worst edit", metrics.neighbourhood_worst, ""),
        ("unrelated", metrics.unrelated, "facts of other relations that stay"),
        ("same subject", metrics.same_subject, asked),
        ("identical, keep set", metrics.identical_keep, "outputs equal to the base's byte for byte"),
        ("identical, all", metrics.identical, "the same over every unedited prompt"),
        ("drawdown", metrics.drawdown, "accuracy lost on the base's own test wordings"),
    ]
    return table(title, _MEASURED, _shown(rows, "{:.2%}"), left=("of",))


def tensor_table(metrics: TensorMetrics) -> object:
    """The figures of edits of tensors that a person reads."""
    shares = [
        ("efficacy", metrics.efficacy, "edited inputs that get what is wanted"),
        ("held out, before", metrics.held_out_before, "of x_test, by the base"),
        ("held out", metrics.held_out, "of x_test, with the edit"),
        ("unchanged, keep set", metrics.unchanged, "answers as before"),
        ("unchanged, keep_test", metrics.unchanged_test, "the same on inputs that training did not see"),
        ("identical, keep set", metrics.identical_keep, "outputs equal to the base's byte for byte"),
        ("identical, keep_test", metrics.identical_test, "the same on inputs that training did not see"),
    ]
    errors = [
        ("error, before", metrics.error_before, "mean squared error of edited inputs, by the base"),
        ("error", metrics.error, "with the edit"),
        ("held-out error, before", metrics.held_out_error_before, "of x_test, by the base"),
        ("held-out error", metrics.held_out_error, "with the edit"),
        ("keep error, before", metrics.keep_error_before, "of the keep set, by the base"),
        ("keep error", metrics.keep_error, "with the edit"),
    ]
    rows = [*_shown(shares, "{:.2%}"), *_shown(errors, "{:.6g}")]
    if metrics.keep_change is not None:
        what = f"of a kept output, in its units: {metrics.keep_change_steps} steps of int8"
        rows.append(("largest change", f"{metrics.keep_change:.6g}", what))
    return table("", _MEASURED, rows, left=("of",))


def _shown(rows: Sequence[tuple[str, float | None, str]], form: str) -> list[tuple[str, str, str]]:
    """Those of the rows that were measured."""
    return [(name, form.format(value).replace("%", " %"), what) for name, value, what in rows if value is not None]


def placement_table(candidates: Sequence[Candidate]) -> object:
    """The pairs of tap and target that were looked at, the one taken first."""
    tensors = candidates[0].instructions is not None
    shares = ("gets the answer", "same bytes", "same answer") if tensors else ("opens", "stays shut", "same subject")
    rows = [
        (
            f"op {tap_name(c.tap)} -> op {c.target}",
            *(_share(getattr(c.seen, name, None)) for name in ("recall", "shut", "close")),
            c.separable,
            f"{c.factor_bytes / (1 if tensors else c.edits):.0f}",
            *([f"{c.instructions:,}"] if tensors else []),
            "taken" if i == 0 else _looked(c),
        )
        for i, c in enumerate(candidates)
    ]
    bytes_of = "bytes" if tensors else "bytes/edit"
    columns = ("tap -> target", *shares, "separable", bytes_of, *(["instructions"] if tensors else []), "")
    return table("placement", columns, rows)


def _looked(candidate: Candidate) -> str:
    """How far the look at a pair went, if it was not tried."""
    if candidate.score > float("-inf") or candidate.instructions is None:
        return ""
    return "not looked at" if candidate.screen is None else "only screened"


def _share(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f} %"


def keep_set(path: Path | None, what: str = "prompts") -> KeepSet:
    """The prompts of --keep, for edits of text."""
    if path is None:
        raise McueditError("no keep set", f"give --keep FILE: {what} whose answers must not change, one a line")
    return load_keep(path)


def are_tensors(path: Path) -> bool:
    """Whether the edits of --edits are tensors; else they are text."""
    return path.suffix == ".npz"
