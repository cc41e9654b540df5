# SPDX-License-Identifier: Apache-2.0
"""mcuedit run: build the firmware, execute it, compare."""

from __future__ import annotations

import io
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import numpy as np

from mcuedit._util import atomic, resources
from mcuedit._util.errors import McueditError
from mcuedit._util.typing import Int8Array
from mcuedit.adapter.delta import Adapter
from mcuedit.boards import board
from mcuedit.cli._shared import options
from mcuedit.cli._shared.common import example, note, notes, print_json, stdout, table, working
from mcuedit.cli._shared.files import read_adapters, scaled
from mcuedit.cli._shared.options import SECONDS, TEXT, Compiling, into, path, whole
from mcuedit.edits.npz import input_ends, is_given, packed, read_npz
from mcuedit.emulate import TIMEOUT, backends, robot, runner
from mcuedit.emulate.devices.device import sequences
from mcuedit.emulate.options import RunOptions
from mcuedit.model import bundle
from mcuedit.model.bundle import Base
from mcuedit.model.oracle import Tflm

_ADAPTERS = "Adapter to compile in; may be given again: all are active."


@dataclass(frozen=True)
class _Given(Compiling):
    base_path: Path
    adapters: tuple[Path, ...]
    emulator: str
    runtime: str
    scales: str
    output_name: str | None
    board_name: str | None
    prompts: tuple[str, ...]
    inputs: Path | None
    random: int | None
    seed: int
    check: str | None
    count: bool
    timeout: float
    dump: Path | None
    robot_dir: Path | None
    as_json: bool

    @property
    def options(self) -> RunOptions:
        """Where it runs."""
        return RunOptions(self.emulator, self.board_name, self.count, self.timeout, self.build(self.runtime))


@click.command(
    epilog=example(
        "mcuedit zoo export facts facts/",
        'mcuedit run facts/ --ask "what is the capital of burundi?"',
        "mcuedit run facts/ --random 50 --check tflm --board virt-m0 --count",
    )
)
@options.base_argument
@path(
    "--adapter",
    "adapters",
    metavar="ADAPTER",
    multiple=True,
    help="Adapter to compile in; may be given again: all are active.",
)
@options.emulator_option(backends.names())
@options.runtime_option
@options.scales_option
@options.output_name_option
@options.board_option("One of `mcuedit boards`; a Cortex-M4 if not given.")
@click.option("--ask", "prompts", type=TEXT, metavar="TEXT", multiple=True, help="A question; may be given again.")
@path("--inputs", metavar="F.npz", help="Input tensors: array x, int8, float, or what the .tflite takes.")
@whole("--random", 1, 1_000_000, metavar="N", help="N random inputs.")
@options.seed_option("Seed of the random inputs.")
@click.option("--check", type=click.Choice(["tflm"]), help="Compare every output byte; exit code 1 if one differs.")
@click.option("--count", is_flag=True, help="Count executed instructions.")
@options.toolchain_option
@options.opt_option()
@click.option(
    "--timeout",
    type=SECONDS,
    default=TIMEOUT,
    show_default=True,
    help="Seconds of processor time (renode: virtual ones) in which a board may say nothing.",
)
@path("--dump", metavar="F.npz", help="Write inputs and outputs there.")
@path("--robot", "robot_dir", metavar="DIR", help="Write what the board's .robot needs, run nothing.")
@options.json_option
@into(_Given)
def command(given: _Given) -> int:
    """Build the firmware of BASE and its adapters for a board, execute it on an emulator, and show what it says.

    unicorn, qemu and renode execute the linked ELF file; host runs the same C compiled for this machine, tflm the
    runtime of TensorFlow Lite Micro itself. --runtime tflm builds firmware with TensorFlow Lite Micro, from TFLM_ROOT
    and TFLM_LIB (see `mcuedit doctor`); host is then its kernel wrapper inside the tflite_micro runtime.

    code_total is the firmware without weights, labels, tables and adapters: those are model_bytes. ram is all that is
    taken: the arena, in which input and output lie, other data, and the peak stack.
    """
    emulator = given.emulator
    found = scaled(bundle.load(given.base_path), given.scales, backends.get(emulator).runtime or given.runtime)
    found, loaded = read_adapters(given.adapters, found, given.output_name)
    tensors = _tensors(found, given)
    if not given.prompts and tensors is None:
        raise McueditError("nothing to run", "give --ask TEXT, --inputs F.npz or --random N")
    if given.robot_dir is not None:
        dialogues = robot.dialogues(runner.as_firmware(found, given.runtime), loaded, given.prompts, tensors)
        _write_robot(found, loaded, given.robot_dir, dialogues, given)
        return 0
    if found.model.tails:
        notes(found.model.notes)
    with working(f"running on {emulator}"):
        result = runner.run(found, loaded, given.options, prompts=given.prompts, inputs=tensors)
        computes = runner.as_firmware(found, given.runtime) if backends.get(emulator).session else found
        differing, oracle = _compare(computes, loaded, result) if given.check else (None, None)
    if given.dump is not None:
        _dump(given.dump, result)
    values = _values(found, result, given)
    if given.check:
        values |= {"differing_bytes": differing, "oracle": oracle}
    if given.as_json:
        answers = {"answers": [a.label for a in result.answers], "answer_classes": [a.index for a in result.answers]}
        print_json((answers if given.prompts else {}) | values)
    else:
        _show(given.prompts, result, values)
    return 1 if differing else 0


def _write_robot(found: Base, adapters: list[Adapter], folder: Path, dialogues: robot.Dialogues, given: _Given) -> None:
    """The folder for renode-test, and how that is called."""
    (emulator,) = backends.names(lambda backend: backend.robots)
    machine = RunOptions(emulator, given.board_name).machine
    name = machine.name
    with working("building"):
        robot.write(found, adapters, machine, folder, dialogues, given.build(given.runtime))
    script = resources.path("boards") / name / f"{name}.robot"
    where = folder.resolve()
    note(f"renode-test {script} --variable ELF:{where / robot.ELF} --variable VECTORS:{where / robot.VECTORS}")


def _tensors(found: Base, given: _Given) -> Int8Array | None:
    parts = []
    if given.inputs is not None:
        hint = "save it with numpy.savez(path, x=...)"
        arrays, ends = read_npz(given.inputs, hint), input_ends(found.model)
        if not is_given(arrays, "x", ends):
            raise McueditError(f"{given.inputs}: no array 'x'", hint)
        x, clipped = packed(str(given.inputs), arrays, "x", ends)
        notes(clipped)
        parts.append(sequences(found, x).reshape(len(x), -1))
    if given.random is not None:
        from mcuedit.conformance.bytes import random_inputs

        parts.append(random_inputs(found, given.random, given.seed))
    if len({part[0].size for part in parts if len(part)}) > 1:
        raise McueditError("--random beside sequences: random inputs have one step", "run them by themselves")
    return np.concatenate([part.reshape(len(part), -1) for part in parts]) if parts else None


def _compare(found: Base, adapters: list[Adapter], result: runner.Result) -> tuple[int, str]:
    """Bytes that differ from the oracle's, and its name."""
    oracle = runner.best_oracle(found.model)
    if find_spec("tflite_micro") is None:
        note("tflite-micro is not installed (it has wheels for Linux x86-64 only): the host engine is the oracle")
    elif oracle.name != Tflm.name:
        note("ratios of scales are in float here and in double in tflite_micro: the host engine is the oracle")
    wanted = runner.expected(found, adapters, oracle, result.inputs)
    return int((wanted != result.outputs).sum()), oracle.name


def _values(found: Base, result: runner.Result, given: _Given) -> dict[str, Any]:
    values: dict[str, Any] = {"emulator": given.emulator, "inputs": len(result.inputs)}
    values["seconds"] = round(result.seconds, 3)
    if result.board is not None and result.footprint is not None:
        size, stack = result.footprint, result.peak_stack or 0
        ram = size.data + size.bss + stack
        values |= {
            "runtime": given.runtime,
            "board": result.board,
            "cpu": board.load(result.board).cpu,
            "toolchain": result.toolchain,
            "peak_stack": stack,
            "code": size.code,
            "rodata": size.rodata,
            "code_total": size.code_total,
            "model_bytes": size.model,
            "arena": result.arena,
            "ram": ram,
        }
    if (counts := result.instructions) is not None:
        values |= {"instructions": counts.total, "instructions_delta": counts.delta}
        values |= {f"instructions_op_{op}": n for op, n in counts.ops.items()}
    return values


def _dump(to: Path, result: runner.Result) -> None:
    buffer = io.BytesIO()
    classes = np.array([answer.index for answer in result.answers], np.int64)
    np.savez(buffer, x=result.inputs, outputs=result.outputs, answers=classes)
    atomic.write_file(to, buffer.getvalue())


def _show(prompts: tuple[str, ...], result: runner.Result, values: dict[str, Any]) -> None:
    out = stdout()
    if prompts:
        rows = [(prompt, answer.label) for prompt, answer in zip(prompts, result.answers, strict=True)]
        out.print(table("", ("asked", "answer"), rows, left=("answer",)))
    rows = [(key.replace("_", " "), f"{value:,}" if isinstance(value, int) else value) for key, value in values.items()]
    out.print(table("", ("of the run", ""), rows))
