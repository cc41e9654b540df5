# SPDX-License-Identifier: Apache-2.0
"""The boards that people own: every base that their sizes hold fits and answers, every other one is refused."""

from __future__ import annotations

import runpy
import subprocess
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from helpers.virtual import RENODE_BOARDS, needs_gcc, needs_renode

from mcuedit import zoo
from mcuedit._util import resources
from mcuedit._util.errors import McueditError
from mcuedit._util.typing import Int8Array
from mcuedit.adapter.delta import Adapter
from mcuedit.boards import board
from mcuedit.boards.board import Board
from mcuedit.build.linker import TooLarge, taken
from mcuedit.build.options import BuildOptions
from mcuedit.codegen.inspection import holds, runtimes
from mcuedit.conformance.bytes import random_inputs
from mcuedit.conformance.synthetic import adapters
from mcuedit.emulate import open_session, robot
from mcuedit.emulate.backends.oracle_device import OracleDevice
from mcuedit.emulate.backends.renode import program as renode_program
from mcuedit.emulate.devices.firmware import build_app
from mcuedit.emulate.robot import dialogues
from mcuedit.emulate.runner import best_oracle
from mcuedit.model import bundle as bases
from mcuedit.model.bundle import Base

OWNED = [name for name in board.names() if board.load(name).flashing]
BASES = ("facts", "digits", "kws", "ad01")  # those of the zoo, and MLPerf Tiny's
SHARED = {"kws": "kws_ref_model.tflite", "ad01": "ad01_int8.tflite"}
PROMPTS = ("what is the capital of burundi", "which currency does croatia use", "what is the continent of chad")


@cache
def load(name: str) -> Base:
    """A base of BASES."""
    if name in SHARED:
        path = Path(__file__).resolve().parents[3] / "shared" / "models" / SHARED[name]
        if not path.is_file():
            pytest.skip(f"no {path.name} in ../shared/models")
        return bases.load(path)
    return bases.load(Path(zoo.__file__).parent / "data" / name)


@cache
def example(name: str) -> tuple[Base, list[Adapter], tuple[str, ...], Int8Array]:
    """A base, an adapter, and what to ask: some of it the adapter changes, some not."""
    base = load(name)
    x = random_inputs(base, 24, 1)
    for adapter in adapters(base.model, 4):
        device = OracleDevice(base, [adapter], best_oracle(base.model))
        replies = []
        for on in (False, True):
            device.use([on])
            replies.append(device.run(x))
        differs = (replies[0] != replies[1]).any(axis=1)
        if 0 < differs.sum() < len(x):
            some = [*np.flatnonzero(differs)[:2], *np.flatnonzero(~differs)[:2]]
            return base, [adapter], PROMPTS if base.features else (), x.reshape(len(x), -1)[some]
    raise AssertionError(f"no such adapter for {name}")


def check(elf: Path, b: Board, name: str) -> None:
    """Says to the firmware all that the .robot would say."""
    base, chosen, prompts, x = example(name)
    found = dialogues(base, chosen, prompts, x)
    with open_session("unicorn", b, elf) as device:
        assert device.read_line() == "mcuedit ready"
        for command, reply in (*found.repaired, *found.kept, *found.swapped):
            device.write(f"{command}\n".encode())
            assert device.read_line() == reply


@needs_gcc
@pytest.mark.parametrize("name", BASES)
@pytest.mark.parametrize("board_name", OWNED)
def test_gcc(tmp_path: Path, board_name: str, name: str) -> None:
    b, (base, chosen, _, _) = board.load(board_name), example(name)
    if not holds(b, base, runtimes(base.model)):
        with pytest.raises(TooLarge, match=f"too large for board {board_name}: it takes "):
            build_app("server", base, chosen, b, tmp_path, BuildOptions(toolchain="gcc"))
        return
    elf = build_app("server", base, chosen, b, tmp_path, BuildOptions(toolchain="gcc")).elf
    assert 0 < taken(elf, b.flash) <= b.code.length
    assert b.stack < taken(elf, b.ram) <= b.ram.length
    check(elf, b, name)


@pytest.mark.parametrize("board_name", OWNED)
def test_zig(tmp_path: Path, board_name: str) -> None:
    b, (base, chosen, _, _) = board.load(board_name), example("digits")
    check(build_app("server", base, chosen, b, tmp_path, BuildOptions(toolchain="zig")).elf, b, "digits")


def test_robot_folder(tmp_path: Path) -> None:
    base, chosen, prompts, x = example("facts")
    folder = tmp_path / "out"
    prompts = (*prompts, "what is the capital of the åland islands?")
    found = dialogues(base, chosen, prompts, x)
    robot.write(base, chosen, board.load("nrf52840dk"), folder, found)
    variables = runpy.run_path(str(folder / robot.VECTORS))
    for name in ("repaired", "kept", "swapped"):
        said = [tuple(text.encode("latin-1").decode() for text in pair) for pair in variables[name.upper()]]
        assert said == getattr(found, name)
    assert "of the Ã¥land" in (folder / robot.VECTORS).read_text(encoding="utf-8")
    assert found.swapped[0] == ("use 0", "ok")
    assert {command for command, _ in found.repaired} & {command for command, _ in found.kept} == {"use 1"}
    check(folder / robot.ELF, board.load("nrf52840dk"), "facts")


def test_robot_needs_both() -> None:
    base, chosen, _, x = example("digits")
    with pytest.raises(McueditError, match="change nothing of 3 replies"):
        dialogues(base, [], (), x[:3])
    with pytest.raises(McueditError, match="change all of 1 replies"):
        dialogues(base, chosen, (), x[:1])


@needs_renode
@pytest.mark.parametrize("board_name", RENODE_BOARDS)
def test_robot(tmp_path: Path, board_name: str) -> None:
    program = renode_program.program("renode-test")
    if program is None:
        pytest.skip("renode-test is not installed")
    b = board.load(board_name)
    base, chosen, prompts, x = example("facts" if b.holds(160_000, 0) else "digits")
    robot.write(base, chosen, board.load(board_name), tmp_path / "out", dialogues(base, chosen, prompts, x))
    script = resources.path("boards") / board_name / f"{board_name}.robot"
    files = {"ELF": robot.ELF, "VECTORS": robot.VECTORS}
    variables = [word for name, file in files.items() for word in ("--variable", f"{name}:{tmp_path / 'out' / file}")]
    done = subprocess.run([program, script, *variables], cwd=tmp_path, capture_output=True, text=True, check=False)
    if board.load(board_name).cpu == "cortex-m55" and "CPU abort" in done.stdout:
        pytest.skip(f"Renode {renode_program.version()} knows not enough of MVE, which the robot names")
    assert "Tests finished successfully" in done.stdout, done.stdout
