# SPDX-License-Identifier: Apache-2.0
"""An emulator is a module with a record and a line of the table: nothing else knows its name."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import mcuedit
from mcuedit import cli
from mcuedit.boards import board
from mcuedit.cli.board import doctor
from mcuedit.conformance.bytes import Scope, Sweep, random_inputs
from mcuedit.emulate import open_session, runner
from mcuedit.emulate.backends import BACKENDS, flash_keeping, on_boards
from mcuedit.emulate.backends.backend import Backend
from mcuedit.emulate.backends.host import HostDevice
from mcuedit.emulate.backends.unicorn import UnicornSession
from mcuedit.emulate.options import RunOptions
from mcuedit.model import bundle

PACKAGE = Path(mcuedit.__file__).parent
BOUND_TO_BOARDS = [name for name, backend in BACKENDS.items() if backend.session]


def toy_session(seen: list[str]) -> Backend:
    """Unicorn under another name."""

    def session(machine, elf, start):
        seen.append(machine.name)
        as_unicorn = replace(machine, emulators={"unicorn": machine.emulators["toy"]})
        return UnicornSession(as_unicorn, elf, count=start.count, timeout=start.timeout)

    return Backend("toy", "tests", session=session, board="virt-m4", find=lambda: "1.0", version=lambda: "1.0")


def test_a_new_emulator_of_boards_needs_its_record_alone(
    tiny_path: Path, echo, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    monkeypatch.setitem(BACKENDS, "toy", toy_session(seen))
    plain = board.load("virt-m4")
    known = replace(plain, emulators={"toy": plain.emulators["unicorn"]})
    monkeypatch.setattr(board, "load", lambda name: known)

    with open_session("toy", known, echo("virt-m4").elf) as session:
        assert session.read_line().startswith("echo ready")
    base = bundle.load(tiny_path)
    x = random_inputs(base, 3)
    result = runner.run(base, options=RunOptions(emulator="toy", count=True), inputs=x)
    assert (result.outputs == runner.expected(base, (), runner.best_oracle(base.model), x)).all()
    assert result.instructions
    assert result.instructions.total > 0
    rows = list(Sweep(base, x, Scope(active_sets=(0,), emulators=("toy",), boards=("virt-m4",))).rows())
    assert [(row.emulator, row.differing_bytes, row.inputs) for row in rows] == [("toy", 0, 3)]
    assert seen == ["virt-m4"] * 3
    assert next(check for check in doctor.checks() if check.name == "toy").version == "1.0"


def test_a_new_emulator_without_boards_needs_its_record_alone(tiny_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toy = Backend("toy", "tests", device=lambda base, adapters, runtime: HostDevice(base, adapters))
    monkeypatch.setitem(BACKENDS, "toy", toy)
    base = bundle.load(tiny_path)
    x = random_inputs(base, 3)
    assert np.array_equal(
        runner.run(base, options=RunOptions(emulator="toy"), inputs=x).outputs,
        runner.run(base, options=RunOptions(emulator="host"), inputs=x).outputs,
    )
    rows = list(Sweep(base, x, Scope(active_sets=(0,), emulators=("toy",))).rows())
    assert [(row.emulator, row.differing_bytes) for row in rows] == [("toy", 0)]


def test_verbs_offer_what_the_table_has(capsys: pytest.CaptureFixture[str]) -> None:
    for verb, names in (("run", tuple(BACKENDS)), ("learn", on_boards())):
        assert cli.invoke([verb, "--help"]) == 0
        said = "".join(capsys.readouterr().out.split())
        assert f"[{'|'.join(names)}]" in said
    assert BACKENDS[flash_keeping()].keeps_flash


def test_no_module_outside_the_backends_names_an_emulator_of_boards() -> None:
    found = []
    for path in PACKAGE.rglob("*.py"):
        if (PACKAGE / "emulate" / "backends") in path.parents:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and node.value in BOUND_TO_BOARDS:
                found.append(f"{path.relative_to(PACKAGE)}:{node.lineno}: {node.value}")
            if isinstance(node, ast.Compare):
                names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
                values = {n.value for n in ast.walk(node) if isinstance(n, ast.Constant)}
                if "emulator" in names and values & set(BACKENDS):
                    found.append(f"{path.relative_to(PACKAGE)}:{node.lineno}: emulator compared with {values}")
    assert found == []
