# SPDX-License-Identifier: Apache-2.0
"""A virtual board never loses or repeats a byte, wherever it is stopped."""

from __future__ import annotations

import random
import threading
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from helpers import tiny
from helpers.virtual import BuildEcho

from mcuedit.boards import board
from mcuedit.boards.board import Board
from mcuedit.build.driver import build
from mcuedit.build.options import BuildOptions
from mcuedit.conformance.bytes import random_inputs
from mcuedit.emulate import Fault, Timeout
from mcuedit.emulate.backends.unicorn import UnicornSession
from mcuedit.emulate.devices.firmware import sources
from mcuedit.emulate.devices.virtual import VirtualDevice
from mcuedit.emulate.options import RunOptions
from mcuedit.model import bundle as bases
from mcuedit.model import tflite
from mcuedit.model.bundle import Base

RUNS = 1000


@pytest.fixture(scope="module")
def m4() -> Board:
    return board.load("virt-m4")


@pytest.fixture(scope="module")
def facts_base(facts: Path) -> Base:
    return bases.load(facts)


@pytest.fixture(scope="module")
def server(m4: Board, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With trace points: its `ticks` are instructions."""
    base = Base("tiny", tflite.parse(tiny.classifier((16, 8, 6)), "tiny"))
    defines = ("MCUEDIT_TRACE", "PORT_TRACE_POINTS=16")
    return build(m4, sources(base), "server", tmp_path_factory.mktemp("server"), BuildOptions(defines=defines)).elf


def passed(reply: bytes) -> tuple[bytes, list[int]]:
    """What a run gave, and the instructions between its probes."""
    out, ticks = reply.splitlines()
    numbers = [int(word) for word in ticks.split()[1:]]
    return out, [(after - before) & 0xFFFFFFFF for before, after in pairwise(numbers)]


def test_boards_stopped_at_random_points_say_the_same_in_the_same_instructions(m4: Board, server: Path) -> None:
    """A board stops wherever its input ends, which is within commands here."""
    draw, rows = random.Random(11), np.random.default_rng(11).integers(-128, 128, (RUNS, 16)).astype(np.int8)
    with (
        UnicornSession(m4, server, count=True) as straight,
        UnicornSession(m4, server, count=True) as stopped,
    ):
        assert straight.exchange(b"", 0) == stopped.exchange(b"", 0) == b"mcuedit ready\n"
        differing = 0
        for row in rows:
            command = b"run " + row.tobytes().hex().encode() + b"\nticks\n"
            cuts = [0, *sorted(draw.choices(range(len(command) + 1), k=5)), len(command)]
            pieces = [stopped.exchange(command[a:b], 0) for a, b in pairwise(cuts)]
            differing += passed(b"".join(pieces)) != passed(straight.exchange(command, 0))
    assert differing == 0


def test_boards_ended_at_random_moments_have_said_nothing_wrong(m4: Board, echo: BuildEcho) -> None:
    """And go on no more, until their power was off and on; unicorn itself would go on before an access that it made."""
    draw = random.Random(12)
    with UnicornSession(m4, echo("virt-m4").elf) as session:
        for _ in range(RUNS):
            sent = bytes(draw.choices(b"abcdefgh\n", k=draw.randrange(1, 400))) + b"\n"
            whole, after = b"echo ready 45\n" + sent, draw.randrange(len(sent))
            session.write(sent + b"~")  # hangs: nothing but an end ends this run
            ending = threading.Thread(target=_end, args=(session, after))
            ending.start()
            with pytest.raises(Timeout, match="stopped"):
                _read_all(session)
            ending.join()
            assert whole.startswith(session.text.encode())
            with pytest.raises(Timeout, match="stopped"):
                session.read_line()
            session.power_cycle()
            assert session.exchange(sent, 0) == whole
            session.power_cycle()


def _end(session: UnicornSession, after: int) -> None:
    """Ends it some time after it has said a number of bytes."""
    while len(session.text) < after:
        time.sleep(0)
    session.end()


def _read_all(session: UnicornSession) -> None:
    while True:
        session.read_line()


def test_a_time_limit_shorter_than_a_run_changes_no_byte(facts_base: Base, m4: Board) -> None:
    """It counts from byte to byte: a limit that ends the whole run ended it in the middle of an access."""
    inputs = random_inputs(facts_base, 60, 11)
    with VirtualDevice(facts_base, (), RunOptions("unicorn", "virt-m4")) as device:
        wanted = device.run(inputs)
    with VirtualDevice(facts_base, (), RunOptions("unicorn", "virt-m4", timeout=0.1)) as device:
        assert (device.run(inputs) != wanted).sum() == 0


def test_a_core_that_something_else_stopped_does_not_go_on(m4: Board, echo: BuildEcho) -> None:
    with UnicornSession(m4, echo("virt-m4").elf) as session:
        assert session.read_line() == "echo ready 45"
        session.write(b"~")
        threading.Timer(0.1, session._core.emu_stop).start()
        with pytest.raises(Fault, match="something else stopped the core"):
            session.read_line()


def test_a_core_that_cannot_stop_where_it_reads_its_uart_says_so(m4: Board, tmp_path: Path) -> None:
    source = (Path(__file__).parent / "it_block.c").read_text()
    built = build(m4, {"it_block.c": source}, None, tmp_path)
    with UnicornSession(m4, built.elf) as session:
        assert session.read_line() == "ready"
        with pytest.raises(Fault, match="outside IT blocks"):
            session.read_line()
        assert session.text == "ready\n"
