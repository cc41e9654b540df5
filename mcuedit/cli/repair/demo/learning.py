# SPDX-License-Identifier: Apache-2.0
"""mcuedit demo learn: a device that is corrected twice, trains by itself, and keeps what it learned."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rich.console import Console
from rich.padding import Padding

from mcuedit.benchmark.edits import reader
from mcuedit.cli._shared.common import table, working
from mcuedit.cli._shared.terminal import styled
from mcuedit.cli.repair.demo.story import Case, Seen, dialogue, headline, show_neighbours
from mcuedit.codegen import TrainSetup
from mcuedit.emulate import backends
from mcuedit.emulate.devices.store_device import StoreDevice
from mcuedit.emulate.options import RunOptions
from mcuedit.emulate.runner import best_oracle
from mcuedit.model.bundle import Base
from mcuedit.ondevice import corrections
from mcuedit.ondevice.corrections import CorrectionSession
from mcuedit.ondevice.sizes import gate_budget

BOARD, CLOCK = "virt-m4", 64e6  # Hz
PAIR = (3, 4)  # tap and target of the base facts, as `mcuedit learn` chooses them
WORDINGS, CONFIRMED = 2, 32
EVERY = 5  # of the neighbours one in so many is compared byte by byte: a UART is slow; answers of all are
LEAST = 0.985  # share of the neighbours that keep their answer
HALF = 1_200_000  # multiply-accumulates, about half of the training


def tell(base: Base, case: Case, out: Console) -> dict[str, Any]:
    """Tells the five parts on `out`; returns the figures."""
    setup = TrainSetup(*PAIR, corrections=WORDINGS, replay=CONFIRMED)
    session = corrections.sessions(base, case.edits, case.keep, WORDINGS, CONFIRMED, 0)[0]
    with working("building the firmware"):
        statistics = corrections.statistics_for(reader(base, best_oracle(base.model)), case.keep, PAIR[0])
        device = StoreDevice(base, statistics, setup, RunOptions(backends.flash_keeping(), BOARD, count=True))
    budget = gate_budget(base.model, statistics, PAIR[0], WORDINGS, CONFIRMED)
    with device:
        values = _learn(base, case, session, device, out)
        values |= _cost(device, budget)
    headline(out, 5, "What it cost")
    _show_costs(out, values)
    return values


def is_good(values: dict[str, Any], wanted: str) -> bool:
    """Whether the story ends well."""
    right = values["answer_after"] == values["answer_after_reset"] == wanted
    return bool(right and values["neighbours_same_answer"] >= LEAST * values["neighbours"])


def _learn(base: Base, case: Case, session: CorrectionSession, device: StoreDevice, out: Console) -> dict[str, Any]:
    headline(out, 1, "Ask the device")
    few = _sample(case)
    before, answers = _ask(base, few, device), device.ask(case.neighbours)
    about = f"{BOARD}: a Cortex-M4 with a trainer and a store beside the model; built by {device.built.toolchain}"
    out.print(f"   {about}", style="dim")
    dialogue(out, case.question, before.answer.label, "red")
    out.print(f"   That held until {case.year} ({case.source}).", style="dim")

    headline(out, 2, "Correct it, over its UART")
    told = [f"yes {prompt}" for prompt in session.confirmed]
    told += [f"fix {session.wanted} {prompt}" for prompt in session.edit.prompts]
    for line in told:
        device.say(line)
    more = f"and {len(session.confirmed) - 1} more answers that are right"
    out.print(styled(f"   {told[0]}      ", (more, "dim")))
    for line in told[-len(session.edit.prompts) :]:
        out.print(f"   {line}", style="bold")

    headline(out, 3, "It trains; power fails on the way")
    first = device.say(f"train {HALF}")
    device.restart()
    last = device.say("train 0")
    size = len(device.say(f"adopt {session.name}".strip())) // 2
    stack = device.stat("stack")
    step, steps = (int(said.split()[1]) for said in (first, last))
    out.print(f"   {step} steps, power off and on, to the end from a checkpoint in flash: {steps} steps")
    out.print(f"   an adapter of {size} bytes, checked against all it was told, is on trial")
    with working("counting instructions"):
        instructions = device.count(told) or 0

    headline(out, 4, "Ask again, keep it, switch off and on, ask again")
    after, now = _ask(base, few, device), device.ask(case.neighbours)
    dialogue(out, case.question, after.answer.label, "green")
    untold = [p for p in (*case.edit.prompts, *case.edit.rephrase_prompts) if p not in session.edit.prompts]
    right = sum(answer.label == case.edit.target_new for answer in device.ask(untold))
    out.print(f"   wordings it was never told: {right} of {len(untold)} right")
    same = (before.outputs == after.outputs).all(axis=1)
    show_neighbours(out, few, before, after, same)
    others = [i for i, (a, b) in enumerate(zip(answers, now, strict=True)) if a != b]
    out.print(f"   {len(answers) - len(others)} of {len(answers)}: the same answer as before")
    for i in others:
        out.print(f"   but {case.neighbours[i]}?  {answers[i].label}, now {now[i].label}")
    device.say("keep")
    device.restart()
    (kept,) = device.ask([case.question])
    out.print("   confirmed; power off and on:", style="dim")
    dialogue(out, case.question, kept.label, "green")
    return {
        "question": case.question,
        "answer_before": before.answer.label,
        "answer_after": after.answer.label,
        "answer_after_reset": kept.label,
        "told": len(session.edit.prompts),
        "confirmed": len(session.confirmed),
        "untold": len(untold),
        "untold_right": right,
        "neighbours": len(answers),
        "neighbours_same_answer": len(answers) - len(others),
        "outputs_compared": len(same),
        "outputs_identical": int(same.sum()),
        "steps": steps,
        "stack_bytes": stack,
        "update_bytes": size,
        "instructions": instructions,
        "milliseconds_at_64_mhz": round(1000 * instructions / CLOCK, 1),
    }


def _sample(case: Case) -> Case:
    """The same with fewer neighbours, those that are shown among them."""
    chosen = sorted({*case.shown, *range(0, len(case.neighbours), EVERY)})
    prompts = tuple(case.neighbours[i] for i in chosen)
    return replace(case, neighbours=prompts, shown=tuple(chosen.index(i) for i in case.shown))


def _ask(base: Base, case: Case, device: StoreDevice) -> Seen:
    with working("asking"):
        (answer,) = device.ask([case.question])
        return Seen(answer, device.ask(case.neighbours), device.run(base.encode(case.neighbours)))


def _cost(device: StoreDevice, budget: dict[str, int]) -> dict[str, int]:
    made = device.built.footprint
    return {
        "workspace_bytes": budget["workspace"],
        "statistics_bytes": budget["flash"],
        "arena_bytes": device.stat("arena"),
        "ram_bytes": made.data + made.bss,
        "code_bytes": made.code + made.rodata,
    }


def _show_costs(out: Console, values: dict[str, Any]) -> None:
    rows = [
        ("workspace of the training", f"{values['workspace_bytes']:,} B of RAM"),
        ("arena of the inference", f"{values['arena_bytes']:,} B of RAM"),
        ("stack, at most", f"{values['stack_bytes']:,} B of RAM"),
        ("all variables, store and UART with them", f"{values['ram_bytes']:,} B of RAM"),
        ("statistics of what must stay", f"{values['statistics_bytes']:,} B of flash"),
        ("code with store and transport", f"{values['code_bytes']:,} B of flash"),
        ("instructions of the training", f"{values['instructions']:,}"),
        ("at 64 MHz, one a cycle", f"{values['milliseconds_at_64_mhz']:.0f} ms"),
    ]
    out.print(Padding.indent(table("", ("what", "how much"), rows), 3))
    out.print("   Nothing of what it was told is left: not in the workspace, not in flash, not in the log.")
