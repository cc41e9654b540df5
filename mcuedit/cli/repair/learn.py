# SPDX-License-Identifier: Apache-2.0
"""mcuedit learn: what a device makes of corrections."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

from mcuedit import privacy
from mcuedit._util.errors import McueditError
from mcuedit.api.base import Base, load_base
from mcuedit.api.inputs import tensor_set
from mcuedit.api.learning import Learned, LearnOptions, carried, learn
from mcuedit.api.teaching import teach
from mcuedit.cli._shared import devices, options
from mcuedit.cli._shared.common import example, notes, print_json, progress, stdout, table, working
from mcuedit.cli._shared.files import are_tensors, keep_set, metrics_table, tensor_table
from mcuedit.cli._shared.options import Compiling, into, whole
from mcuedit.cli._shared.private import dp_options
from mcuedit.edits import EditSet, KeepSet, TensorSet, load_edits
from mcuedit.emulate import backends
from mcuedit.emulate.options import RunOptions
from mcuedit.evaluation.tensors import TensorMetrics
from mcuedit.fleet.transport.address import FORMS
from mcuedit.ondevice.sizes import gate_budget


@dataclass(frozen=True)
class _Given(Compiling):
    to: str | None
    timeout: float
    tries: int
    operator_path: Path | None
    signer: str | None
    device_keys: Path | None
    base_path: Path
    edit_path: Path | None
    keep_path: Path | None
    tap: str
    target: str
    wordings: int
    replay: int
    seed: int
    budget: bool
    private: str | None
    dp_rate: float
    dp_unit: str | None
    dp_delta: float | None
    board_name: str | None
    emulator: str
    count: bool
    as_json: bool

    @property
    def options(self) -> LearnOptions:
        """How a device is corrected, and which."""
        on = RunOptions(self.emulator, self.board_name, self.count, build=self.build()) if self.board_name else None
        return LearnOptions(self.tap, self.target, self.wordings, self.replay, self.seed, on)

    @property
    def unit(self) -> str:
        """What private training clips as one."""
        return self.dp_unit or (privacy.EDIT if self.wordings > 1 else privacy.PROMPT)


@click.command(
    epilog=example(
        "mcuedit zoo export facts facts/",
        "mcuedit zoo edits facts corrections/ --count 20 --seed 1",
        "mcuedit learn facts/ --edits corrections/edits.jsonl --keep corrections/keep.jsonl --budget",
        "mcuedit learn facts/ --edits corrections/edits.jsonl --keep corrections/keep.jsonl --board virt-m4",
        "mcuedit learn words/ --edits keyword/edits.npz --wordings 8 --board virt-m4",
        "mcuedit learn facts/ --edits F.jsonl --keep K.jsonl --to serial:/dev/ttyACM0 --operator-key operator.pem",
    )
)
@options.base_argument
@options.edits_option("Corrections, each learned by itself: .jsonl, or .npz of tensors.", required=False)
@options.keep_option("Keep set from which statistics are taken; an .npz of edits has its own.", required=False)
@click.option("--tap", default="auto", show_default=True, metavar="OP", help="Operator whose input the gates read.")
@click.option("--target", default="auto", show_default=True, metavar="OP", help="Operator that makes the logits.")
@whole("--wordings", 1, 8, default=2, help="Wordings of each corrected question; inputs of each class wanted.")
@whole("--replay", 1, 255, default=32, help="Number of confirmed inputs in RAM.")
@options.seed_option("Seed that draws wordings and confirmed inputs.")
@click.option("--budget", is_flag=True, help="Say what training takes, and train nothing.")
@click.option("--dp", "private", metavar="SIGMA,CLIP,STEPS", help="With --budget: what that schedule gives away.")
@dp_options
@options.board_option("Train on this virtual board; on the numpy twin if not given.")
@options.emulator_option(backends.on_boards())
@click.option("--to", metavar="ADDR", help=f"Teach this device, which keeps what it learns on trial: {FORMS}.")
@devices.transport_options
@click.option("--count", is_flag=True, help="Count executed instructions; needs --board.")
@options.toolchain_option
@options.opt_option()
@options.json_option
@into(_Given)
def command(given: _Given) -> int:
    """Let a device learn every correction of a set, each by itself, and measure what comes of it.

    The device is told some wordings of the corrected question and some inputs whose answers are right, and carries
    statistics of the keep set; it sees nothing else. What BASE answers as wanted already is not told. Without --board
    its numpy twin learns, which is byte-equal. Of tensors a correction is a class: the device is told some of its
    inputs, and the rest of them is held out.

    With --to a device in the field that was built to learn (`mcuedit firmware --learn`) is taught over its link, by
    commands that --operator-key signs. What it learns of all corrections is on trial together then, to be kept by
    `mcuedit confirm` or dropped by `mcuedit rollback`.

    Exit code 1 if a corrected question does not get its new answer.
    """
    if given.private is not None and not given.budget:
        raise McueditError("--dp without --budget", "give both to see the cost; 'mcuedit edit --dp' trains with it")
    if given.to is not None and (given.board_name or given.budget):
        raise click.UsageError("--to is a device; --board and --budget need none")
    if given.budget:
        return _budget(load_base(given.base_path), given)
    if given.edit_path is None:
        raise click.UsageError("Missing option '--edits'.")
    found, keep = load_base(given.base_path), None
    edits: EditSet | TensorSet
    if are_tensors(given.edit_path):
        if given.keep_path is not None:
            raise McueditError("--keep is for prompts", "the .npz holds what to keep")
        if given.to is not None:
            raise McueditError("--to with tensors", "a device is taught over its link by text; --board takes tensors")
        edits = tensor_set([given.edit_path], found.model)
        count = len(np.unique(edits.wanted.groups()))
    else:
        edits, keep = load_edits(given.edit_path), keep_set(given.keep_path)
        count = len(edits.edits)
        if given.to is not None:
            return _teach(given.to, given, edits, keep)
    with progress("learning", count) as advance:
        learned = learn(found, edits, keep, given.options, advance=advance)
    notes(dict.fromkeys([*edits.notes, *(keep.notes if keep else ()), *learned.given]))
    _report(learned, count, given.as_json)
    return 0 if learned.metrics.efficacy == 1.0 else 1


def _report(learned: Learned, count: int, as_json: bool) -> None:
    most = max(learned.instructions, default=None)
    if as_json:
        said = {"given": len(learned.given), "refused": len(learned.refused), "instructions_most": most}
        print_json({**learned.metrics.flat(), **said})
        return
    out = stdout()
    if isinstance(learned.metrics, TensorMetrics):
        out.print(tensor_table(learned.metrics))
    else:
        out.print(metrics_table(learned.metrics, f"{count} corrections, each learned by itself"))
    if learned.refused:
        out.print(f"\nrefused by the device: {', '.join(sorted(set(learned.refused)))} ({len(learned.refused)})")
    if most is not None:
        out.print(f"\ninstructions: at most {most:,}, {most / 64e3:.0f} ms at 64 MHz")


def _teach(to: str, given: _Given, edits: EditSet, keep: KeepSet) -> int:
    """Of a device in the field."""
    who = given.operator_path, given.signer, given.device_keys
    reach = devices.Reach(to, given.timeout, given.tries, *who, given.as_json)
    notes(dict.fromkeys([*edits.notes, *keep.notes]))
    with reach.opened() as (device, _):
        with progress("teaching", len(edits.edits)) as advance:
            taught = teach(device, load_base(given.base_path), edits, keep, given.options, advance=advance)
        after = device.status()
    if given.as_json:
        columns = {f"taught_{name}": [getattr(one, name) for one in taught] for name in _TAUGHT}
        print_json({"address": to, **devices.state_of(after), **columns})
    else:
        rows = [(one.subject, one.outcome, f"{one.right} of {one.asked}") for one in taught]
        stdout().print(table("", ("correction", "outcome", "wordings right"), rows, left=("correction", "outcome")))
        devices.report(to, after, False)
    return 0 if all(one.learned for one in taught) else 1


_TAUGHT = ("subject", "outcome", "right", "asked")


def _budget(found: Base, given: _Given) -> int:
    """What training takes on the device, and what it gives away."""
    keep = given.keep_path or given.edit_path
    if keep is None:
        raise click.UsageError("Missing option '--keep'.")
    with working("running the base"):
        statistics, setup = carried(found.reader, keep, given.options)
    away = None
    if given.private is not None:
        told = privacy.Protected(given.wordings + given.replay, 1, given.wordings, unit=given.unit)
        away = privacy.budget(given.private, given.dp_rate, told, given.dp_delta)
    values = gate_budget(found.model, statistics, setup.tap, setup.corrections, setup.replay)
    values = {"tap": setup.tap, "target": setup.target, **values}
    if given.as_json:
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
