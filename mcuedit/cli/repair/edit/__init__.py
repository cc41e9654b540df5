# SPDX-License-Identifier: Apache-2.0
"""mcuedit edit: from corrections to an adapter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import click

from mcuedit._util import atomic
from mcuedit.adapter import encoding, folder
from mcuedit.adapter.delta import Adapter
from mcuedit.api.editing import Onto, files, joined
from mcuedit.api.inputs import edits_of, facts_of, tensor_set
from mcuedit.benchmark import edits as benchmark
from mcuedit.cli._shared.common import example, notes, searching, working
from mcuedit.cli._shared.files import load_chosen, read_adapter
from mcuedit.cli._shared.options import into
from mcuedit.cli.repair.edit import merged, private
from mcuedit.cli.repair.edit.given import Given, edit_options
from mcuedit.cli.repair.edit.report import nothing_left, report
from mcuedit.emulate.runner import best_oracle
from mcuedit.evaluation.metrics import Metrics
from mcuedit.evaluation.tensors import TensorMetrics
from mcuedit.model.oracle import Reader
from mcuedit.training import Edited, InForce, Options, Problem, TextEdits, fit, train_beside


@click.command(
    epilog=example(
        "mcuedit zoo export facts facts/",
        "mcuedit zoo edits facts corrections/ --count 3",
        "mcuedit edit facts/ --edits corrections/edits.jsonl --keep corrections/keep.jsonl -o repair/",
    )
)
@edit_options
@into(Given)
def command(given: Given) -> int:
    """Train an adapter that makes the corrections of an edit set, and measure it.

    Exit code 1: an edit does not get what it wants, or more is changed than --floor allows. The adapter is written.

    What BASE answers as wanted already trains nothing; with --onto that takes an edit back. An edit that cannot act
    beside an adapter of --with is trained again together with that one's edits; the new adapter replaces it then.

    Training reads only the edits' prompts and locality lists and the keep file's prompts. Everything else of the edits,
    and facts.jsonl in BASE, serves the measurement alone.

    With --dp, an adapter tells little of whether any one prompt was among the edits': noise of SIGMA on sums of
    gradients of a norm of at most CLIP, in STEPS steps. The keep set and the answers are public.
    """
    given.check()
    if given.merged:
        return merged.run(given)
    output = atomic.resolved(given.output)
    atomic.require_free(output, given.force)
    output_name = given.output_name
    if output_name is None and given.onto is not None and given.onto.is_dir():
        output_name = folder.load(given.onto).output or None
    found = load_chosen(given.base_path, output_name)
    active: Sequence[Adapter] = [read_adapter(path, found) for path in given.beside]
    name = given.name or output.name
    folder.check_name(name)
    options = given.options(name=name, version=given.adapter_version, effort=given.effort)
    if given.private is not None:
        return private.run(found, given.private, options, given)
    measured: Metrics | TensorMetrics
    if given.tensors:
        read = benchmark.reader(found, best_oracle(found.model))
        trained, measured = _from_tensors(read, given, options, active)
    else:
        with working("training"):
            read = benchmark.reader(found, best_oracle(found.model))
            trained, active = _from_text(read, given, options, active)
            adapters = [*active, trained.adapter]
            measured, _ = benchmark.evaluate(read, adapters, trained.edits, trained.keep, facts_of(found))
    metrics = replace(measured, seconds=round(trained.seconds, 3)).flat()
    notes(trained.notes)
    if not trained.adapter.deltas:
        return nothing_left(trained, given.output, metrics, as_json=given.as_json)
    adapter = replace(trained.adapter, info={**trained.adapter.info, "metrics": metrics}, files=files(trained))
    size = len(encoding.encode(adapter, found.model))
    folder.save(adapter, given.output, force=given.force)
    return report(trained, {"adapter": str(given.output), "adapter_bytes": size, **metrics}, measured, read, given)


def _from_text(
    read: Reader, given: Given, options: Options, active: Sequence[Adapter]
) -> tuple[Edited, tuple[Adapter, ...]]:
    in_force = [InForce(adapter, edits_of(path)) for adapter, path in zip(active, given.beside, strict=True)]
    wanted, names = given.text(), None
    if given.onto is not None:
        names = read_adapter(given.onto, read.base).labels
        edits = joined(wanted.edits, Onto(str(given.onto), edits_of(given.onto), names))
        wanted = TextEdits(edits, wanted.keep)
    return train_beside(Problem(read, wanted, names=names), options, in_force)


def _from_tensors(
    read: Reader, given: Given, options: Options, active: Sequence[Adapter]
) -> tuple[Edited, TensorMetrics]:
    data = tensor_set(given.edit_paths, read.base.model)
    with searching(options.effort) as (say, advance):
        trained = fit("tensors", Problem(read, data, active, progress=say, advance=advance), options)
    return trained, benchmark.evaluate_tensors(read, [*active, trained.adapter], data)
