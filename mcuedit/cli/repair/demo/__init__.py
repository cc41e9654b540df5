# SPDX-License-Identifier: Apache-2.0
"""mcuedit demo: one real repair from the first wrong answer to the proof that nothing else moved."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.padding import Padding

from mcuedit import zoo
from mcuedit.adapter import encoding
from mcuedit.adapter.delta import Adapter
from mcuedit.benchmark.edits import SINGLE, EditTask, bench, reader
from mcuedit.build.driver import BuildResult
from mcuedit.cli._shared.common import example, print_json, stderr, stdout, table, working
from mcuedit.cli._shared.options import json_option
from mcuedit.cli.repair.demo import learning
from mcuedit.cli.repair.demo.story import SHOWN, Case, Seen, dialogue, headline, show_neighbours
from mcuedit.codegen.emission import emit
from mcuedit.edits import EditSet, KeepSet, load_facts
from mcuedit.emulate.options import RunOptions
from mcuedit.emulate.runner import best_oracle, open_device
from mcuedit.model import bundle as bases
from mcuedit.model.bundle import Base
from mcuedit.training import Options

BOARD = "virt-m4"
SUBJECT, RELATION = "burundi", "capital"
NEAR = ("rwanda", "tanzania", "uganda", "kenya", "zambia", "malawi", "ethiopia", "somalia", "angola")  # shown first


@click.command(epilog=example("mcuedit demo", "mcuedit demo --json", "mcuedit demo learn"))
@click.argument("story", type=click.Choice(["repair", "learn"]), default="repair")
@click.option("--seed", default=0, show_default=True, help="Draws the half of the facts that is kept.")
@json_option
def command(story: str, seed: int, as_json: bool) -> int:
    """Repair a real fact on a virtual Cortex-M4, end to end.

    Burundi moved its capital in 2019; the model on the device does not know. Everything runs here: the firmware is
    built and executed instruction by instruction.

    With "learn" no host repairs it: the device is corrected twice over its UART, trains and keeps what it learned.
    """
    out = stderr() if as_json else stdout()
    start = time.perf_counter()
    base = bases.load(zoo.folder("facts"))
    case = draw(zoo.folder("facts"), seed)
    values = (learning.tell if story == "learn" else _story)(base, case, out)
    values["seconds_total"] = round(time.perf_counter() - start, 1)
    good = (learning.is_good if story == "learn" else _is_good)(values, case.edit.target_new)
    out.print(
        f"\n{'Repaired' if good else 'Not repaired as it should be'}, in {values['seconds_total']:.0f} s.", style="bold"
    )
    if as_json:
        print_json(values)
    return 0 if good else 1


def _is_good(values: dict[str, Any], wanted: str) -> bool:
    return bool(values["answer_after"] == wanted and values["neighbours_identical"] == values["neighbours"])


def draw(folder: Path, seed: int) -> Case:
    """The repair, from the zoo's list of what changed in the world."""
    facts = load_facts(folder / "facts.jsonl").edits
    changes = json.loads((folder / "old_world.json").read_text(encoding="utf-8"))
    change = next(c for c in changes if (c["subject"], c["relation"]) == (SUBJECT, RELATION))
    own = next(f for f in facts if (f.subject, f.relation) == (SUBJECT, RELATION))
    locality = tuple(p for f in facts if f.subject == SUBJECT and f is not own for p in f.prompts)
    edit = replace(own, target_new=change["new"], ground_truth=own.target_new, locality=locality, line=0)
    others = [f for f in facts if f.subject != SUBJECT]
    random.Random(seed).shuffle(others)
    half = len(others) // 2
    kept = [(p, f.line) for f in others[:half] for p in f.prompts]
    prompts, lines = zip(*kept, strict=True)
    near = [
        (f.subject, p) for f in others[half:] if f.relation == RELATION for p in (f.prompts[0], *f.rephrase_prompts)
    ]
    first = {subject: i for i, (subject, _) in reversed(list(enumerate(near)))}
    shown = sorted(first, key=lambda subject: (subject not in NEAR, first[subject]))[:SHOWN]
    return Case(
        EditSet((edit,), "demo"),
        KeepSet(prompts, lines),
        facts,
        tuple(prompt for _, prompt in near),
        tuple(first[subject] for subject in shown),
        change["year"],
        change["source"],
    )


def _story(base: Base, case: Case, out: Console) -> dict[str, Any]:
    """Tells the four parts on `out`; returns the figures."""
    headline(out, 1, "Ask the device")
    before, built = _ask(base, [], case)
    out.print(f"   {BOARD}: a Cortex-M4 that executes the real firmware; built by {built.toolchain}", style="dim")
    dialogue(out, case.question, before.answer.label, "red")
    out.print(f"   That held until {case.year} ({case.source}).", style="dim")

    headline(out, 2, "Train the repair")
    adapter, metrics = _train(base, case)
    out.print(f"   In {metrics['seconds']:.1f} s, from {len(case.edit.prompts)} wordings.", style="dim")
    _show_metrics(out, metrics)

    headline(out, 3, "Emit C, build, ask again")
    files, update = emit(base, [adapter]), encoding.encode(adapter, base.model)
    after, _ = _ask(base, [adapter], case)
    names = ", ".join(name for name in files if name.startswith(adapter.name))
    out.print(f"   {names}, beside base and runtime", style="dim")
    dialogue(out, case.question, after.answer.label, "green")

    headline(out, 4, "What it cost, and what it left alone")
    same = (before.outputs == after.outputs).all(axis=1)
    show_neighbours(out, case, before, after, same)
    plain, closed, opened = _count(base, adapter, case)
    _show_update(out, len(update), adapter.factor_bytes, len(base.model.data))
    _show_instructions(out, plain, closed, opened)
    return {
        "question": case.question,
        "answer_before": before.answer.label,
        "answer_after": after.answer.label,
        "neighbours": len(same),
        "neighbours_identical": int(same.sum()),
        **metrics,
        "update_bytes": len(update),
        "model_bytes": len(base.model.data),
        "code_bytes": built.footprint.code + built.footprint.rodata,
        "instructions_base": plain,
        "instructions_added_closed": closed,
        "instructions_added_open": opened,
    }


def _ask(base: Base, adapters: Sequence[Adapter], case: Case) -> tuple[Seen, BuildResult]:
    """Builds the firmware, starts it, and puts the question and the neighbours to it."""
    with working("building the firmware"), open_device(base, adapters, RunOptions(board=BOARD)) as device:
        (answer,) = device.ask([case.question])
        assert device.built is not None  # a board has firmware
        seen = Seen(answer, device.ask(case.neighbours), device.run(base.encode(case.neighbours)))
        return seen, device.built


def _train(base: Base, case: Case) -> tuple[Adapter, dict[str, Any]]:
    """The adapter, and its metrics against the untouched base."""
    options = Options(name=case.edit.target_new, version="1.0.0")
    with working("training"):
        read = reader(base, best_oracle(base.model))
        made = bench(read, EditTask(case.edits, case.keep, case.facts), SINGLE, options)
    return made.trained[0].adapter, made.metrics.flat()


def _count(base: Base, adapter: Adapter, case: Case) -> tuple[int, int, int]:
    """Instructions of one inference without the adapter, and what it adds with its gate closed and open.

    The base's own kernels are left out of the difference: SOFTMAX takes fewer steps for a clear-cut answer.
    """
    with working("counting instructions"), open_device(base, [adapter], RunOptions(board=BOARD, count=True)) as device:
        device.use([False])
        device.ask([case.neighbours[0]])
        device.use([True])
        device.ask([case.neighbours[0], case.question])
        plain, closed, opened = device.counts
        return plain.total, closed.delta - plain.delta, opened.delta - plain.delta


def _show_metrics(out: Console, metrics: dict[str, Any]) -> None:
    meaning = {
        "efficacy": "the edited wordings get the new answer",
        "paraphrase": "so do wordings that training never saw",
        "neighbourhood": "other capitals, outside the keep set, stay",
        "unrelated": "other questions, outside the keep set, stay",
        "same_subject": "the other facts about Burundi stay",
        "identical_keep": "keep set: output bytes as before",
    }
    rows = [(text, f"{100 * metrics[name]:.1f} %") for name, text in meaning.items() if metrics[name] is not None]
    out.print(Padding.indent(table("", ("measure", "share"), rows), 3))


def _show_update(out: Console, update: int, factors: int, model: int) -> None:
    out.print(f"   update: {update} bytes, {factors} of them factors; the model of {model:,} bytes stays as it is")


def _show_instructions(out: Console, plain: int, closed: int, opened: int) -> None:
    out.print(
        f"   instructions: {plain:,} an inference; with the gate closed {closed:,} more ({closed / plain:.2%}), "
        f"open {opened:,}"
    )
