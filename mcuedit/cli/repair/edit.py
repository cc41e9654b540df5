# SPDX-License-Identifier: Apache-2.0
"""mcuedit edit: from corrections to an adapter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from mcuedit._util import atomic
from mcuedit._util.errors import McueditError
from mcuedit.adapter import encoding, folder
from mcuedit.adapter.delta import Adapter
from mcuedit.api.editing import Onto, files, joined
from mcuedit.api.inputs import edit_set, edits_of, facts_of, tensor_set
from mcuedit.benchmark import edits as benchmark
from mcuedit.cli._shared import merged as _merged
from mcuedit.cli._shared import private as _private
from mcuedit.cli._shared.common import TEXT, effort_option, example, json_option, notes, searching, working
from mcuedit.cli._shared.edited import FLOOR, nothing_left, report
from mcuedit.cli._shared.files import PATH, read_adapter
from mcuedit.edits import load_keep
from mcuedit.emulate.runner import best_oracle
from mcuedit.evaluation.metrics import Metrics
from mcuedit.evaluation.tensors import TensorMetrics
from mcuedit.model import bundle
from mcuedit.model.oracle import Reader
from mcuedit.training import Edited, InForce, Options, Problem, TextEdits, fit, train_beside

_F = TypeVar("_F", bound=Callable[..., Any])


def training_options(function: _F) -> _F:
    """The options of `Options`, shared with bench."""
    d = Options()
    for option in reversed(
        (
            click.option(
                "--rank",
                type=int,
                default=d.rank,
                show_default="1, up to 4 for tensors",
                help="Factors: 1 is one for each edit; more are shared by all edits.",
            ),
            click.option(
                "--gated/--plain",
                default=d.gated,
                show_default=True,
                help="Whether the factors have gates, which keep them out of all else.",
            ),
            click.option(
                "--tap",
                default=d.tap,
                show_default=True,
                metavar="OP",
                help="Operator whose input the gate reads: its index, the name of its output, or auto.",
            ),
            click.option(
                "--target",
                default=d.target,
                show_default=True,
                metavar="OP",
                help="Operator whose output the delta is added to: its index, the name of its output, or auto.",
            ),
            click.option(
                "--bits",
                type=click.Choice(["8", "4"]),
                show_default="8; for tensors 4 where 8 take over 400 bytes and 4 do as well",
                help="Bits of an element of A.",
            ),
            click.option(
                "--gate-place",
                type=float,
                default=d.gate_place,
                show_default="0.2, more for many edits",
                help="Where gates stand. 0: next to the keep set, more wordings open them; 1: next to the edit.",
            ),
            click.option("--seed", default=d.seed, show_default=True, help="Seed of the noise that training adds."),
            click.option(
                "--new-labels", is_flag=True, help="Take answers that look like misspelt labels as new names."
            ),
        )
    ):
        function = option(function)
    return function


@click.command(
    epilog=example(
        "mcuedit zoo export facts facts/",
        "mcuedit zoo edits facts corrections/ --count 3",
        "mcuedit edit facts/ --edits corrections/edits.jsonl --keep corrections/keep.jsonl -o repair/",
    )
)
@click.argument("base_path", metavar="BASE", type=PATH)
@click.option(
    "--edits",
    "edit_paths",
    required=True,
    multiple=True,
    type=PATH,
    metavar="F",
    help="Edits: .jsonl, or .npz of tensors.",
)
@click.option("--keep", "keep_path", type=PATH, metavar="K", help="Prompts whose answers must not change.")
@click.option("-o", "--output", required=True, type=PATH, metavar="DIR", help="Folder that the adapter is written to.")
@click.option(
    "--with", "beside", multiple=True, type=PATH, metavar="ADAPTER", help="Adapter that is in force beside the new one."
)
@click.option(
    "--onto", type=PATH, metavar="ADAPTER", help="Adapter whose edits are trained again together with the new ones."
)
@click.option("--name", type=TEXT, help="Name of the adapter; DIR's name if not given.")
@click.option("--adapter-version", default=Options.version, show_default=True, help="Version of the adapter.")
@click.option("--force", is_flag=True, help="Replace DIR even if it holds files that mcuedit did not write.")
@click.option("--merged", is_flag=True, help="Change weights of one op instead: DIR is the .tflite to write.")
@click.option(
    "--dp",
    "private",
    metavar="SIGMA,CLIP,STEPS",
    help="Train with differential privacy: SIGMA,CLIP,STEPS, such as 200,50,30.",
)
@click.option("--dp-rate", default=1.0, show_default=True, help="Probability that a prompt takes part in a step.")
@click.option(
    "--floor",
    type=click.FloatRange(0, 1),
    default=FLOOR,
    show_default=True,
    help="Exit code 1 if a smaller share of what is to be kept keeps its answer or, with gates, its output bytes.",
)
@effort_option
@training_options
@json_option
def command(
    base_path: Path,
    edit_paths: tuple[Path, ...],
    keep_path: Path | None,
    output: Path,
    beside: tuple[Path, ...],
    onto: Path | None,
    name: str | None,
    adapter_version: str,
    force: bool,
    merged: bool,
    private: str | None,
    dp_rate: float,
    floor: float,
    effort: float,
    as_json: bool,
    **training: Any,
) -> int:
    """Train an adapter that makes the corrections of an edit set, and measure it.

    Exit code 1: an edit does not get what it wants, or more is changed than --floor allows. The adapter is written.

    What BASE answers as wanted already trains nothing; with --onto that takes an edit back. An edit that cannot act
    beside an adapter of --with is trained again together with that one's edits; the new adapter replaces it then.

    Training reads only the edits' prompts and locality lists and the keep file's prompts. Everything else of the edits,
    and facts.jsonl in BASE, serves the measurement alone.

    With --dp, an adapter tells little of whether any one prompt was among the edits': noise of SIGMA on sums of
    gradients of a norm of at most CLIP, in STEPS steps. The keep set and the answers are public.
    """
    if private is not None:
        _refuse_beside_dp(merged or bool(beside) or onto is not None)
    if (private is not None or merged) and is_given("floor"):
        raise McueditError("--floor with --dp or --merged", "nothing is certified there: leave it away")
    if private is None and is_given("dp_rate"):
        raise McueditError("--dp-rate without --dp", "add --dp SIGMA,CLIP,STEPS")
    if merged:
        if beside or onto:
            raise McueditError("--merged beside an adapter", "merge all edits into one file, without --with and --onto")
        training["gated"] &= is_given("gated")  # plain unless asked otherwise
        options = read_options(training)
        return _merged.run(bundle.load(base_path), edit_paths, keep_path, output, options, force=force, as_json=as_json)
    atomic.require_free(output.resolve(), force)
    found = bundle.load(base_path)
    active: Sequence[Adapter] = [read_adapter(path, found) for path in beside]
    options = read_options(training, name=name or output.resolve().name, version=adapter_version, effort=effort)
    if private is not None:
        rank = options.rank if is_given("rank") else None
        return _private.run(
            found, edit_paths, keep_path, output, options, private, dp_rate, rank=rank, force=force, as_json=as_json
        )
    measured: Metrics | TensorMetrics
    if edit_paths[0].suffix == ".npz":
        read = benchmark.reader(found, best_oracle(found.model))
        trained, measured = _from_tensors(read, edit_paths, options, active)
    else:
        with working("training"):
            read = benchmark.reader(found, best_oracle(found.model))
            in_force = [InForce(adapter, edits_of(path)) for adapter, path in zip(active, beside, strict=True)]
            trained, active = _from_text(read, edit_paths, keep_path, options, in_force, onto)
            measured, _probes = benchmark.evaluate(
                read, [*active, trained.adapter], trained.edits, trained.keep, facts_of(found)
            )
    metrics = replace(measured, seconds=round(trained.seconds, 3)).flat()
    notes(trained.notes)
    if not trained.adapter.deltas:
        return nothing_left(trained, output, metrics, as_json=as_json)
    adapter = replace(trained.adapter, info={**trained.adapter.info, "metrics": metrics}, files=files(trained))
    size = len(encoding.encode(adapter, found.model))
    folder.save(adapter, output, force=force)
    head = {"adapter": str(output), "adapter_bytes": size, **metrics}
    return report(trained, head, measured, read, floor, gated=options.gated, as_json=as_json)


def read_options(training: dict[str, Any], **more: Any) -> Options:
    """Options from those of `training_options`."""
    return Options(**{**training, "bits": training["bits"] and int(training["bits"]), **more})


def is_given(option: str) -> bool:
    """Whether the user gave that option, rather than its default."""
    return click.get_current_context().get_parameter_source(option) is ParameterSource.COMMANDLINE


def _refuse_beside_dp(other: bool) -> None:
    """What private training has no way to do."""
    if other:
        raise McueditError("--dp beside --merged, --with or --onto", "train one adapter for all private edits")
    for option in ("gated", "bits", "gate_place", "new_labels"):
        if is_given(option):
            name = "--" + option.replace("_", "-")
            raise McueditError(f"--dp with {name}", "private training has random gates of 8 bits: leave it away")


def _from_text(
    read: Reader,
    edit_paths: Sequence[Path],
    keep_path: Path | None,
    options: Options,
    in_force: Sequence[InForce],
    onto: Path | None,
) -> tuple[Edited, tuple[Adapter, ...]]:
    if keep_path is None:
        raise McueditError("no keep set", "give --keep FILE: prompts whose answers must not change, one a line")
    edits, names = edit_set(edit_paths), None
    if onto is not None:
        names = read_adapter(onto, read.base).labels
        edits = joined(edits, Onto(str(onto), edits_of(onto), names))
    return train_beside(Problem(read, TextEdits(edits, load_keep(keep_path)), names=names), options, in_force)


def _from_tensors(
    read: Reader, paths: Sequence[Path], options: Options, active: Sequence[Adapter]
) -> tuple[Edited, TensorMetrics]:
    data = tensor_set(paths, read.base.model)
    with searching(options.effort) as (say, advance):
        trained = fit("tensors", Problem(read, data, active, progress=say, advance=advance), options)
    return trained, benchmark.evaluate_tensors(read, [*active, trained.adapter], data)
