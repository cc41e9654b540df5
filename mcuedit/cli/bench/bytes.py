# SPDX-License-Identifier: Apache-2.0
"""mcuedit bench bytes: every byte of a base on every core, and of random models on the host."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import Int8Array
from mcuedit.adapter.delta import Adapter
from mcuedit.adapter.forward import outputs
from mcuedit.api.inputs import facts_of
from mcuedit.build.options import BuildOptions
from mcuedit.cli._shared import options
from mcuedit.cli._shared.common import example, print_json, progress, stdout, table
from mcuedit.cli._shared.options import PATH, into, whole
from mcuedit.codegen.augment import CHAINED, INPUTS, extend
from mcuedit.codegen.augment.stock import StockTflm
from mcuedit.conformance.synthetic import adapters
from mcuedit.model import bundle
from mcuedit.model.bundle import Base
from mcuedit.model.oracle import Tflm
from mcuedit.model.tflite import Model

_ADAPTERS, _STEPS, _CHUNK = 10, 4, 4096


@dataclass(frozen=True)
class _Given:
    base_path: Path | None
    random: int
    prompts: bool
    boards: tuple[str, ...]
    runtime: str
    toolchain: str
    seed: int
    models: int
    kinds: tuple[str, ...]
    augment: str | None
    as_json: bool


@click.command(
    "bytes",
    epilog=example("mcuedit bench bytes facts/ --random 1000", "mcuedit bench bytes --kind CONV_2D"),
)
@click.argument("base_path", metavar="[BASE]", required=False, type=PATH)
@whole("--random", 0, default=1000, help="Number of random inputs.")
@click.option(
    "--prompts/--no-prompts", default=True, show_default=True, help="Compare every prompt of facts.jsonl, too."
)
@options.boards_option("Board to compare, may be given again; all if not given.")
@options.runtime_option
@options.toolchain_option
@options.seed_option("Seed of the random inputs.")
@whole("--models", 1, default=500, help="Number of random models of each kind, without BASE.")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    metavar="OP",
    help="Kind of op to compare, without BASE; may be given again; all if not given.",
)
@click.option(
    "--augment",
    type=click.Choice((CHAINED, INPUTS)),
    help="Compare what 'emit --augment' writes of BASE, in tflite_micro, with the arithmetic of deltas.",
)
@options.json_option
@into(_Given)
def command(given: _Given) -> int:
    """Compare every output byte on the host and every virtual core with the oracle, under 0, 1 and 10 adapters.

    Without BASE: random models of one op, and small nets, on the host.

    With --augment: BASE with random adapters in its .tflite, by stock kernels, under 1 adapter and 10 (inputs: under
    each of up to 10).

    Exit code 1 if a byte differs.
    """
    return _models(given) if given.base_path is None else _base(bundle.load(given.base_path), given)


def _models(given: _Given) -> int:
    from mcuedit.conformance.opsweep import ALL, sweep

    count, chosen = given.models, given.kinds or ALL
    with progress("comparing", count * len(chosen)) as advance:
        rows = list(sweep(chosen, count, advance))
    columns = ("kind", "models", "bytes", "differing bytes", "in models", "s")
    cells = [
        (r.kind, r.models, f"{r.bytes:,}", r.differing_bytes, _some(r.differing_models), f"{r.seconds:.0f}")
        for r in rows
    ]
    return _report(rows, columns, cells, given.as_json, left=columns[:1])


def _some(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers[:5])) + ", ..." * (len(numbers) > 5)


def _base(found: Base, given: _Given) -> int:
    from mcuedit.conformance.bytes import Scope, Sweep, random_inputs

    inputs = [random_inputs(found, given.random, given.seed)]
    facts = facts_of(found) if given.prompts else ()
    if facts:
        questions = [p for f in facts for p in (*f.prompts, *f.rephrase_prompts)]
        inputs.append(found.encode(questions).reshape(len(questions), -1))
    if given.augment is not None:
        files = list(_augmented(found, np.concatenate(inputs), given.augment))
        shown = [(f.form, f.adapters, f"{f.bytes:,}", f"{f.changed_bytes:,}", f.differing_bytes) for f in files]
        named = ("form", "adapters", "bytes", "changed bytes", "differing bytes")
        return _report(files, named, shown, given.as_json, left=named[:2])
    build = BuildOptions(given.runtime, given.toolchain)
    sweep = Sweep(found, np.concatenate(inputs), Scope(boards=given.boards or None), build)
    with progress("comparing", sweep.total) as advance:
        rows = list(sweep.rows(advance))
    columns = ("emulator", "board", "core", "adapters", "inputs", "differing bytes", "s")
    cells = [
        (r.emulator, r.board, r.cpu, r.adapters, f"{r.inputs:,}", r.skipped or r.differing_bytes, f"{r.seconds:.0f}")
        for r in rows
    ]
    return _report(rows, columns, cells, given.as_json, left=columns[:3])


@dataclass(frozen=True)
class _Augmented:
    """One extended file: bytes of the output compared, those that adapters change, and those that differ."""

    form: str
    adapters: str
    bytes: int
    changed_bytes: int
    differing_bytes: int


def _augmented(found: Base, rows: Int8Array, form: str) -> Iterator[_Augmented]:
    """Compares extended files with the arithmetic of deltas, on the same inputs."""
    model, oracle, end = found.model, Tflm(found.model), found.model.outputs[0]
    steps = _STEPS if model.stateful and len(rows) >= _STEPS else 1
    x = rows[: len(rows) // steps * steps].reshape(-1, *((steps,) if steps > 1 else ()), *model.input_shape)
    some = [one for one in adapters(model, _ADAPTERS) if _fits(model, oracle, one, x, form)]
    files = []
    if form == CHAINED:
        files = [(str(len(part)), part, StockTflm(model, extend(model, part, form).data)) for part in (some[:1], some)]
    elif some:
        made = extend(model, some, form)
        files = [
            (one.name, [one], StockTflm(model, made.data, {g.position: g.values[k] for g in made.given}))
            for k, one in enumerate(some)
        ]
    for name, part, runtime in files:
        total = changed = differing = 0
        for start in range(0, len(x), _CHUNK):
            piece = x[start : start + _CHUNK]
            want = outputs(model, oracle, part, piece).reshape(len(piece), -1)
            base, got = (one.activations(piece, [end])[end].reshape(len(piece), -1) for one in (oracle, runtime))
            total, changed = total + got.size, changed + int((base != got).sum())
            differing += int((got != want[:, : got.shape[1]]).sum())
        yield _Augmented(form, name, total, changed, differing)


def _fits(model: Model, oracle: Tflm, adapter: Adapter, x: Int8Array, form: str) -> bool:
    """Whether an adapter can be put into a file, and its effect be computed: no state keeps what it changes."""
    try:
        extend(model, [adapter], form)
        outputs(model, oracle, [adapter], x[:64])
    except McueditError:
        return False
    return True


def _report(
    rows: Sequence[Any], columns: Sequence[str], cells: Sequence[Any], as_json: bool, left: Sequence[str]
) -> int:
    differing = sum(row.differing_bytes for row in rows)
    if as_json:
        print_json({"differing_bytes": differing, "rows": [asdict(row) for row in rows]})
    else:
        stdout().print(table("", columns, cells, left=left))
    return 1 if differing else 0
