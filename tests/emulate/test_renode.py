# SPDX-License-Identifier: Apache-2.0
"""Renode behind the same sessions as the other emulators: a stand-in plays it in each way that it could fail."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import fake_renode, tiny
from helpers.virtual import RENODE_BOARDS, BuildEcho, needs_renode

from mcuedit._util.errors import McueditError
from mcuedit.boards import board
from mcuedit.cli.board import doctor
from mcuedit.conformance.bytes import random_inputs
from mcuedit.emulate import Crash, Fault, Timeout, open_session, runner
from mcuedit.emulate.backends.renode import RenodeSession
from mcuedit.emulate.backends.renode import program as renode_program
from mcuedit.emulate.options import RunOptions
from mcuedit.model import bundle as bases
from mcuedit.model import tflite
from mcuedit.model.bundle import Base

BOARD = "stm32f4_discovery"

Start = Callable[..., RenodeSession]


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """The stand-in, as RENODE may name it."""
    path = tmp_path / "bin" / "renode"
    path.parent.mkdir()
    path.write_text(f"#!{sys.executable}\n{Path(fake_renode.__file__).read_text()}")
    path.chmod(0o755)
    return path


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "commands.txt"


@pytest.fixture
def start(echo: BuildEcho, program: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """start(mode) opens a session on a stand-in; the firmware is never run."""

    def open_it(mode: str, **options: object) -> RenodeSession:
        monkeypatch.setenv("RENODE", str(program))
        monkeypatch.setenv("FAKE_RENODE", mode)
        monkeypatch.setenv("FAKE_RENODE_LOG", str(log))
        return RenodeSession(board.load(BOARD), echo(BOARD).elf, **options)  # type: ignore[arg-type]

    return open_it


def _ends(pid: int) -> bool:
    """Whether a process is gone, or is within a second: a signal was sent, nobody here can wait for it."""
    for _ in range(100):
        try:
            if "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text():
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.01)
    return False


def test_echo(start: Start, log: Path) -> None:
    with start("good") as device:
        device.write(b"hello\nworld\n")  # before the device is ready: kept until then
        assert [device.read_line() for _ in range(3)] == ["echo ready 45", "hello", "world"]
        device.write("é ;\"'\n".encode())
        assert device.read_line() == "é ;\"'"
        assert device.text == "echo ready 45\nhello\nworld\né ;\"'\n"
        assert device.instructions() == 1_000_000
        folder = Path(device._folder.name)
    assert not folder.exists()
    commands = log.read_text().splitlines()
    assert f"include @{folder}/boards/{BOARD}/{BOARD}.resc" in commands
    assert "connector Connect sysbus.usart2 line" in commands
    assert "quit" in commands


def test_counting_shows_probes_what_was_executed(start: Start, log: Path) -> None:
    with start("good", count=True) as device:
        device.write(b"ticks 1 2\n")
        assert [device.read_line(), device.read_line()] == ["echo ready 45", "ticks 1 2"]
    hook = re.search(r"AddHook (0x[0-9a-f]+) \"machine.SystemBus.WriteDoubleWord\((0x[0-9a-f]+), ", log.read_text())
    assert hook is not None
    assert int(hook[1], 16) % 2 == 0
    assert int(hook[2], 16) >= 0x20000000
    with start("dumb", count=True) as device:
        device.write(b"ticks 1 2\n")
        device.read_line()
        with pytest.raises(Crash, match="did not count"):
            device.read_line()
        with pytest.raises(Crash, match="counts no instructions"):
            device.instructions()


def test_a_server_behind_it(program: Path, facts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole way from `mcuedit run`, only that unicorn executes what Renode loads."""
    monkeypatch.setenv("RENODE", str(program))
    monkeypatch.setenv("FAKE_RENODE", "unicorn")
    base = bases.load(facts)
    prompts, x = ("what is the capital of burundi",), random_inputs(base, 3, 0)
    renoded, alone = (
        runner.run(base, (), RunOptions(emulator=e, board=BOARD), prompts=prompts, inputs=x)
        for e in ("renode", "unicorn")
    )
    assert renoded.board == BOARD
    assert renoded.answers == alone.answers
    assert (renoded.outputs == alone.outputs).all()
    assert renoded.peak_stack == alone.peak_stack


def test_a_line_without_a_reply_does_not_hold_up_the_next(start: Start) -> None:
    with start("shy") as device:
        device.write(b"# nothing to say\nhello\nworld\n")
        assert [device.read_line() for _ in range(3)] == ["echo ready 45", "hello", "world"]


def test_a_core_that_renode_stopped_is_named_by_its_log(start: Start) -> None:
    """Virtual time stands still then, and the monitor may answer no more."""
    with start("aborting") as device:
        assert device.read_line() == "echo ready 45"
        with pytest.raises(Crash, match=r"stopped the core: cpu: CPU abort \[PC=0x104066B4\]: Trying") as caught:
            device.read_line()
        assert "M55" in caught.value.hint


def test_nothing_is_downloaded(start: Start, log: Path) -> None:
    with start("good"):
        assert "proxy http://127.0.0.1:9\n" in log.read_text()


def test_fault(start: Start) -> None:
    with start("faulty") as device:
        assert device.read_line() == "echo ready 45"
        assert device.read_line() == ""
        with pytest.raises(Fault, match=r"exception=3 .*: r0=0x1 sp=0x20001FF8 pc=0x80001A2") as caught:
            device.read_line()
        assert caught.value.text.startswith("echo ready 45\n")


def test_silence(start: Start, log: Path) -> None:
    with (
        start("silent", timeout=0.5) as device,
        pytest.raises(Timeout, match=r"0\.5 virtual s: r0=0x1 .* said nothing"),
    ):
        device.read_line()
    pieces = [float(piece) for piece in re.findall(r'RunFor "(.*)"', log.read_text())]
    assert 0.5 <= sum(pieces) < 1.0


def test_hang(start: Start) -> None:
    with start("hanging", patience=0.5) as device:
        assert device.read_line() == "echo ready 45"
        with pytest.raises(Timeout, match=r"within 0\.5 s of processor time; the device last said") as caught:
            device.read_line()
        assert caught.value.text == "echo ready 45\n"


@pytest.mark.parametrize(
    ("mode", "kind", "message"),
    [
        ("mute", Timeout, "did not answer within 0.5 s"),
        ("refusing", Crash, "Renode says \"There was an error.*'include'\"; its log's last error: cpu: no such thing"),
        ("ending", Crash, "Renode ended by itself: .*no more of this; the device said nothing"),
        ("quitting", Crash, "^Renode ended by itself: without a word; the device said nothing"),
        ("deaf", Crash, "does not listen"),
    ],
)
def test_no_start(start: Start, mode: str, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        start(mode, patience=0.5)


def test_crash(start: Start) -> None:
    with start("crashing", patience=5.0) as device:
        assert device.read_line() == "echo ready 45"
        with pytest.raises(Crash, match=r"ended by itself: .*corrupted memory") as caught:
            device.read_line()
        assert caught.value.text == "echo ready 45\n"


def test_garbage(start: Start) -> None:
    with start("garbage") as device, pytest.raises(Crash, match="bytes without a line end"):
        device.read_line()


@pytest.mark.parametrize("mode", ["breeding", "stubborn"])
def test_nothing_outlives_the_call(start: Start, log: Path, mode: str) -> None:
    with start(mode) as device:
        process = device._monitor._process
        assert device.read_line() == "echo ready 45"
    assert process.poll() is not None
    for line in log.read_text().splitlines():
        if line.startswith("child "):
            assert _ends(int(line.split()[1]))


def test_missing(echo: BuildEcho, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elf = echo(BOARD).elf
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("RENODE", raising=False)
    with pytest.raises(McueditError, match="renode is not installed") as caught:
        open_session("renode", board.load(BOARD), elf)
    assert "RENODE" in caught.value.hint
    monkeypatch.setenv("RENODE", str(tmp_path))
    with pytest.raises(McueditError, match=f"RENODE={tmp_path} is neither renode's program nor its folder"):
        open_session("renode", board.load(BOARD), elf)
    (tmp_path / "renode").write_text("not a program")
    (tmp_path / "renode").chmod(0o755)
    monkeypatch.setenv("RENODE", str(tmp_path / "renode"))
    with pytest.raises(Crash, match="Exec format error"):
        open_session("renode", board.load(BOARD), elf)


def test_version(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    with start("good"):
        assert renode_program.version() == "1.16.1.0"
        assert next(check.version for check in doctor.checks() if check.name == "renode") == "1.16.1.0"
    monkeypatch.setenv("RENODE", "/nowhere/renode")
    with pytest.raises(McueditError, match="RENODE=/nowhere/renode is neither"):
        renode_program.version()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no program", "Exec format error"),
        ("#!/bin/sh\necho cannot find mono >&2; exit 127\n", "says 'cannot find mono', exit code 127"),
        ("#!/bin/sh\necho Renode v1.16.1; exit 1\n", "exit code 1"),
        ("#!/bin/sh\n", "says '', exit code 0"),
    ],
)
def test_a_broken_program_does_not_pass_doctor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    broken = tmp_path / "renode"
    broken.write_text(text)
    broken.chmod(0o755)
    monkeypatch.setenv("RENODE", str(broken))
    check = next(check for check in doctor.checks() if check.name == "renode")
    assert check.version is None
    assert message in check.install
    assert str(broken) in check.install


def test_program_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("renode", "renode-test"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    for given in (tmp_path, tmp_path / "renode"):
        monkeypatch.setenv("RENODE", str(given))
        assert renode_program.find() == str(tmp_path / "renode")
        assert renode_program.program("renode-test") == str(tmp_path / "renode-test")


@needs_renode
@pytest.mark.parametrize("name", RENODE_BOARDS)
def test_real_inference(name: str) -> None:
    """The kernels of each core, MVE's among them, which an echo is not."""
    base = Base("tiny", tflite.parse(tiny.classifier((64, 32), softmax=False), "tiny"))
    x = random_inputs(base, 3, 0)
    try:
        result = runner.run(base, (), RunOptions(emulator="renode", board=name), inputs=x)
    except Crash as error:
        if board.load(name).cpu == "cortex-m55" and "Renode stopped the core: cpu: CPU abort" in error.message:
            pytest.skip(f"Renode {renode_program.version()} knows not enough of MVE: {error.what}")
        raise
    assert (result.outputs == runner.expected(base, (), runner.best_oracle(base.model), x)).all()


@needs_renode
@pytest.mark.parametrize("name", RENODE_BOARDS)
def test_real_echo(echo: BuildEcho, name: str) -> None:
    with RenodeSession(board.load(name), echo(name).elf, count=True) as device:
        device.write(b"hello\n#\n!")
        assert [device.read_line(), device.read_line()] == ["echo ready 45", "hello"]
        ticks = [int(word) for word in device.read_line().split()]
        with pytest.raises(Fault, match="pc=0x"):
            [device.read_line() for _ in range(3)]
    overhead, marked = ((ticks[i + 1] - ticks[i]) % (1 << 32) for i in range(2))
    assert abs(marked - overhead - 3002) <= 2
