# SPDX-License-Identifier: Apache-2.0
"""mcuedit learn: what a device makes of corrections."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click

from mcuedit import privacy
from mcuedit._util.errors import McueditError
from mcuedit.adapter import encoding
from mcuedit.adapter.delta import Delta
from mcuedit.api.inputs import facts_of
from mcuedit.benchmark import edits as benchmark
from mcuedit.build.options import BuildOptions
from mcuedit.cli._shared.common import example, json_option, notes, print_json, progress, stdout, table, working
from mcuedit.cli._shared.files import PATH, metrics_table
from mcuedit.codegen import TrainSetup
from mcuedit.edits import EditSet, KeepSet, already_given, load_edits, load_keep
from mcuedit.emulate import backends
from mcuedit.emulate.devices.learner import Learner, Refused
from mcuedit.emulate.options import RunOptions
from mcuedit.emulate.runner import best_oracle
from mcuedit.evaluation.cases import ask
from mcuedit.evaluation.metrics import Case
from mcuedit.model import bundle
from mcuedit.model.bundle import Base
from mcuedit.model.oracle import Reader
from mcuedit.ondevice import GateStatistics, corrections
from mcuedit.ondevice.corrections import CorrectionSession, Unlearned
from mcuedit.ondevice.sizes import gate_budget

_Learn = Callable[[CorrectionSession], Delta]
_Learned = list[tuple[CorrectionSession, list[Delta]]]


@dataclass(frozen=True)
class _Course:
    """How it went: corrections that were right already, names of refusals, instructions of each training."""

    given: int
    refused: list[str]
    counts: list[int]


@click.command(
    epilog=example(
        "mcuedit zoo export facts facts/",
        "mcuedit zoo edits facts corrections/ --count 20 --seed 1",
        "mcuedit learn facts/ --edits corrections/edits.jsonl --keep corrections/keep.jsonl --budget",
        "mcuedit learn facts/ --edits corrections/edits.jsonl --keep corrections/keep.jsonl --board virt-m4",
    )
)
@click.argument("base_path", metavar="BASE", type=PATH)
@click.option("--edits", "edit_path", type=PATH, metavar="F.jsonl", help="Corrections, each learned by itself.")
@click.option(
    "--keep", "keep_path", required=True, type=PATH, metavar="K.jsonl", help="Keep set from which statistics are taken."
)
@click.option("--tap", default="auto", show_default=True, metavar="OP")
@click.option("--target", default="auto", show_default=True, metavar="OP", help="Operator that makes the logits.")
@click.option(
    "--wordings", type=click.IntRange(1, 8), default=2, show_default=True, help="Wordings of each corrected question."
)
@click.option(
    "--replay", type=click.IntRange(1, 255), default=32, show_default=True, help="Number of confirmed inputs in RAM."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed that draws wordings and confirmed inputs.")
@click.option("--budget", is_flag=True, help="Say what training takes, and train nothing.")
@click.option("--dp", "private", metavar="SIGMA,CLIP,STEPS", help="With --budget: what that schedule gives away.")
@click.option("--dp-rate", default=1.0, show_default=True, help="Probability that an input takes part in a step.")
@click.option(
    "--board", "board_name", metavar="NAME", help="Train on this virtual board; on the numpy twin if not given."
)
@click.option("--emulator", type=click.Choice(backends.on_boards()), default=backends.DEFAULT, show_default=True)
@click.option("--count", is_flag=True, help="Count executed instructions; needs --board.")
@click.option("--toolchain", type=click.Choice(["auto", "gcc", "zig"]), default="auto", show_default=True)
@click.option("--opt", type=click.Choice(["2", "s"]), default="2", show_default=True, help="The compiler's -O.")
@json_option
def command(
    base_path: Path,
    edit_path: Path | None,
    keep_path: Path,
    tap: str,
    target: str,
    wordings: int,
    replay: int,
    seed: int,
    budget: bool,
    private: str | None,
    dp_rate: float,
    board_name: str | None,
    as_json: bool,
    **running: Any,
) -> int:
    """Let a device learn every correction of a set, each by itself, and measure what comes of it.

    The device is told some wordings of the corrected question and some inputs whose answers are right, and carries
    statistics of the keep set; it sees nothing else. What BASE answers as wanted already is not told. Without --board
    its numpy twin learns, which is byte-equal.

    Exit code 1 if a corrected question does not get its new answer.
    """
    if edit_path is None and not budget:
        raise click.UsageError("Missing option '--edits'.")
    if private is not None and not budget:
        raise McueditError("--dp without --budget", "give both to see the cost; 'mcuedit edit --dp' trains with it")
    found, keep = bundle.load(base_path), load_keep(keep_path)
    with working("running the base"):
        read = benchmark.reader(found, best_oracle(found.model))
        pair = corrections.choose_pair(read, keep, tap, target)
        statistics = corrections.statistics_for(read, keep, pair[0])
    setup = TrainSetup(*pair, corrections=wordings, replay=replay)
    if budget:
        away = privacy.budget(private, dp_rate, wordings + replay) if private is not None else None
        return _show_budget(found, statistics, setup, away, as_json)
    assert edit_path is not None
    edits = load_edits(edit_path)
    told = corrections.sessions(found, edits, keep, wordings, replay, seed)
    known = [corrections.is_given(read, session) for session in told]
    already = [already_given(edits, s.edit) for s, same in zip(told, known, strict=True) if same]
    notes(dict.fromkeys([*edits.notes, *keep.notes, *already]))
    counts: list[int] = []
    with ExitStack() as stack:
        if board_name is None:
            learn_one: _Learn = partial(corrections.learn, read, statistics=statistics, pair=pair)
        else:
            build = BuildOptions(toolchain=running["toolchain"], opt=running["opt"])
            options = RunOptions(running["emulator"], board_name, running["count"], build=build)
            with working("building the firmware"):
                made = Learner(found, statistics, setup, options)
            learn_one = _on_device(stack.enter_context(made), found, counts)
        learned, refused = _learn(told, known, learn_one)
    return _report(read, learned, keep, _Course(sum(known), refused, counts), as_json)


def _on_device(device: Learner, found: Base, counts: list[int]) -> _Learn:
    def learn_one(session: CorrectionSession) -> Delta:
        device.say("drop")
        data = device.learn(session.edit.prompts, session.wanted, session.confirmed, session.name)
        counts.extend(filter(None, [device.trained]))
        (delta,) = encoding.decode(data, found.model, "what the device learned").deltas
        return delta

    return learn_one


def _learn(told: list[CorrectionSession], known: list[bool], learn_one: _Learn) -> tuple[_Learned, list[str]]:
    """What became of every correction; of what is `known` nothing is told."""
    learned, refused = [], []
    with progress("learning", len(told)) as advance:
        for session, given in zip(told, known, strict=True):
            try:
                learned.append((session, [] if given else [learn_one(session)]))
            except (Unlearned, Refused) as error:
                refused.append(error.name)
                learned.append((session, []))
            advance(1)
    return learned, refused


def _report(read: Reader, learned: _Learned, keep: KeepSet, course: _Course, as_json: bool) -> int:
    facts = facts_of(read.base)
    cases = [Case(ask(EditSet((session.edit,)), keep, facts)[0], session.wanted, deltas) for session, deltas in learned]
    metrics = benchmark.measure(read, cases, keep, facts)
    most, refused = max(course.counts, default=None), course.refused
    if as_json:
        said = {"given": course.given, "refused": len(refused), "instructions_most": most}
        print_json({**metrics.flat(), **said})
    else:
        out = stdout()
        out.print(metrics_table(metrics, f"{len(learned)} corrections, each learned by itself"))
        if refused:
            out.print(f"\nrefused by the device: {', '.join(sorted(set(refused)))} ({len(refused)})")
        if most is not None:
            out.print(f"\ninstructions: at most {most:,}, {most / 64e3:.0f} ms at 64 MHz")
    return 0 if metrics.efficacy == 1.0 else 1


def _show_budget(
    found: Base, statistics: GateStatistics, setup: TrainSetup, away: privacy.Budget | None, as_json: bool
) -> int:
    values = gate_budget(found.model, statistics, setup.tap, setup.corrections, setup.replay)
    values = {"tap": setup.tap, "target": setup.target, **values}
    if as_json:
        print_json({**values, **{f"dp_{k}": v for k, v in (away.flat() if away else {}).items()}})
        return 0
    names = {
        "tap": "tap op",
        "target": "target op",
        "workspace": "bytes of RAM for training",
        "flash": "bytes of statistics in flash",
        "adapter": "bytes of the adapter, without a label",
        "steps": "steps at most",
        "macs_per_step": "multiply-accumulates of a step at most",
    }
    stdout().print(table("training on the device", ("", ""), [(names[k], f"{v:,}") for k, v in values.items()]))
    if away is not None:
        stdout().print(f"\n{away}")
    return 0
