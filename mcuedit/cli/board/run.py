# SPDX-License-Identifier: Apache-2.0
"""mcuedit run: build the firmware, execute it, compare."""

from __future__ import annotations

import io
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
from mcuedit.build.options import BuildOptions
from mcuedit.cli._shared.common import TEXT, example, json_option, note, notes, print_json, stdout, table, working
from mcuedit.cli._shared.files import PATH, read_adapter, scaled, scales_option
from mcuedit.edits import quantized, read_npz
from mcuedit.emulate import TIMEOUT, backends, robot, runner
from mcuedit.emulate.backends import BACKENDS
from mcuedit.emulate.devices.device import sequences
from mcuedit.emulate.options import RunOptions
from mcuedit.model import bundle
from mcuedit.model.bundle import Base
from mcuedit.model.oracle import Tflm


@click.command(
    epilog=example(
        "mcuedit zoo export facts facts/",
        'mcuedit run facts/ --ask "what is the capital of burundi?"',
        "mcuedit run facts/ --random 50 --check tflm --board virt-m0 --count",
    )
)
@click.argument("base_path", metavar="BASE", type=PATH)
@click.option(
    "--adapter",
    "adapters",
    metavar="ADAPTER",
    multiple=True,
    type=PATH,
    help="Adapter to compile in; may be given again: all are active.",
)
@click.option("--emulator", type=click.Choice(tuple(BACKENDS)), default=backends.DEFAULT, show_default=True)
@click.option(
    "--runtime",
    type=click.Choice(["bare", "tflm"]),
    default="bare",
    show_default=True,
    help="Run the base by itself, or inside TensorFlow Lite Micro.",
)
@scales_option
@click.option("--board", "board_name", metavar="NAME", help="One of `mcuedit boards`; a Cortex-M4 if not given.")
@click.option("--ask", "prompts", type=TEXT, metavar="TEXT", multiple=True, help="A question; may be given again.")
@click.option("--inputs", metavar="F.npz", type=PATH, help="Input tensors: array x, int8 or float.")
@click.option("--random", "count_random", metavar="N", type=click.IntRange(1), help="N random inputs.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the random inputs.")
@click.option("--check", type=click.Choice(["tflm"]), help="Compare every output byte; exit code 1 if one differs.")
@click.option("--count", is_flag=True, help="Count executed instructions.")
@click.option("--toolchain", type=click.Choice(["auto", "gcc", "zig"]), default="auto", show_default=True)
@click.option("--opt", type=click.Choice(["2", "s"]), default="2", show_default=True, help="The compiler's -O.")
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=TIMEOUT,
    show_default=True,
    help="Seconds of processor time (renode: virtual ones) in which a board may say nothing.",
)
@click.option("--dump", metavar="F.npz", type=PATH, help="Write inputs and outputs there.")
@click.option(
    "--robot", "robot_dir", metavar="DIR", type=PATH, help="Write what the board's .robot needs, run nothing."
)
@json_option
def command(
    base_path: Path,
    adapters: tuple[Path, ...],
    emulator: str,
    runtime: str,
    scales: str,
    board_name: str | None,
    prompts: tuple[str, ...],
    inputs: Path | None,
    count_random: int | None,
    seed: int,
    check: str | None,
    count: bool,
    toolchain: str,
    opt: str,
    timeout: float,
    dump: Path | None,
    robot_dir: Path | None,
    as_json: bool,
) -> int:
    """Build the firmware of BASE and its adapters for a board, execute it on an emulator, and show what it says.

    unicorn, qemu and renode execute the linked ELF file; host runs the same C compiled for this machine, tflm the
    runtime of TensorFlow Lite Micro itself. --runtime tflm builds firmware with TensorFlow Lite Micro, from TFLM_ROOT
    and TFLM_LIB (see `mcuedit doctor`); host is then its kernel wrapper inside the tflite_micro runtime.

    code_total is the firmware without weights, labels, tables and adapters: those are model_bytes. ram is all that is
    taken: the arena, in which input and output lie, other data, and the peak stack.
    """
    found = scaled(bundle.load(base_path), scales, backends.get(emulator).runtime or runtime)
    loaded = [read_adapter(path, found) for path in adapters]
    tensors = _tensors(found, inputs, count_random, seed)
    if not prompts and tensors is None:
        raise McueditError("nothing to run", "give --ask TEXT, --inputs F.npz or --random N")
    build = BuildOptions(runtime, toolchain, opt)
    if robot_dir is not None:
        dialogues = robot.dialogues(runner.as_firmware(found, runtime), loaded, prompts, tensors)
        _write_robot(found, loaded, board_name, robot_dir, dialogues, build)
        return 0
    with working(f"running on {emulator}"):
        result = runner.run(
            found,
            loaded,
            RunOptions(emulator, board_name, count, timeout, build),
            prompts=prompts,
            inputs=tensors,
        )
        computes = runner.as_firmware(found, runtime) if backends.get(emulator).session else found
        differing, oracle = _compare(computes, loaded, result) if check else (None, None)
    if dump is not None:
        _dump(dump, result)
    values = _values(found, result, emulator, runtime)
    if check:
        values |= {"differing_bytes": differing, "oracle": oracle}
    if as_json:
        answers = {"answers": [a.label for a in result.answers], "answer_classes": [a.index for a in result.answers]}
        print_json((answers if prompts else {}) | values)
    else:
        _show(prompts, result, values)
    return 1 if differing else 0


def _write_robot(
    found: Base,
    adapters: list[Adapter],
    board_name: str | None,
    folder: Path,
    dialogues: robot.Dialogues,
    build: BuildOptions,
) -> None:
    """The folder for renode-test, and how that is called."""
    (emulator,) = backends.names(lambda backend: backend.robots)
    machine = RunOptions(emulator, board_name).machine
    name = machine.name
    with working("building"):
        robot.write(found, adapters, machine, folder, dialogues, build)
    script = resources.path("boards") / name / f"{name}.robot"
    where = folder.resolve()
    note(f"renode-test {script} --variable ELF:{where / robot.ELF} --variable VECTORS:{where / robot.VECTORS}")


def _tensors(found: Base, path: Path | None, count_random: int | None, seed: int) -> Int8Array | None:
    parts = []
    if path is not None:
        hint = "save it with numpy.savez(path, x=...)"
        arrays = read_npz(path, hint)
        if "x" not in arrays:
            raise McueditError(f"{path}: no array 'x'", hint)
        x, clipped = quantized(f"{path}: x", arrays["x"], found.model.input)
        notes(clipped)
        parts.append(sequences(found, x).reshape(len(x), -1))
    if count_random is not None:
        from mcuedit.conformance.bytes import random_inputs

        parts.append(random_inputs(found, count_random, seed))
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


def _values(found: Base, result: runner.Result, emulator: str, runtime: str) -> dict[str, Any]:
    values: dict[str, Any] = {"emulator": emulator, "inputs": len(result.inputs), "seconds": round(result.seconds, 3)}
    if result.board is not None and result.footprint is not None:
        size, stack = result.footprint, result.peak_stack or 0
        ram = size.data + size.bss + stack
        values |= {
            "runtime": runtime,
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


def _dump(path: Path, result: runner.Result) -> None:
    buffer = io.BytesIO()
    classes = np.array([answer.index for answer in result.answers], np.int64)
    np.savez(buffer, x=result.inputs, outputs=result.outputs, answers=classes)
    atomic.write_file(path, buffer.getvalue())


def _show(prompts: tuple[str, ...], result: runner.Result, values: dict[str, Any]) -> None:
    out = stdout()
    if prompts:
        rows = [(prompt, answer.label) for prompt, answer in zip(prompts, result.answers, strict=True)]
        out.print(table("", ("asked", "answer"), rows, left=("answer",)))
    rows = [(key.replace("_", " "), f"{value:,}" if isinstance(value, int) else value) for key, value in values.items()]
    out.print(table("", ("of the run", ""), rows))
