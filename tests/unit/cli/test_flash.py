# SPDX-License-Identifier: Apache-2.0
"""What `mcuedit flash` refuses before it starts, and what it says when a flasher fails in each of its ways."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import get_args

import pytest
from helpers import tiny
from helpers.elf import elf
from helpers.flashing import BOARD, FIRMWARE, device_bytes, script, to
from helpers.waiting import WAIT, until

from mcuedit import cli
from mcuedit._util.errors import McueditError
from mcuedit.boards import board, flashing, form, memory
from mcuedit.boards.board import Board
from mcuedit.boards.flashing.runners import RUNNERS

__all__ = ["to"]
OK = 'echo "** Verified OK **"'
FLASH = BOARD[BOARD.index("[flash]") : BOARD.index("[flashing]")]
BOTH = ("flash", "tester", "firmware.elf", "--adapter", "adapter.bin", "--slot", "1")


@pytest.fixture
def bin_dir(to: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH, so that no flasher of this machine is ever run, beside one with what scripts call."""
    folder, tools = tmp_path / "bin", tmp_path / "tools"
    for made in (folder, tools):
        made.mkdir()
    for name in "cat cp head sed sh sleep touch".split():
        (tools / name).symlink_to(str(shutil.which(name)))
    monkeypatch.setenv("PATH", f"{folder}:{tools}")
    return folder


def refused(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    assert cli.invoke(args) == 2
    return capsys.readouterr().err


def test_every_runner_is_known_to_boards() -> None:
    assert set(RUNNERS) == set(get_args(form.Runner))


@pytest.mark.parametrize(
    ("segments", "message"),
    [
        ([(0x08000000, b"x"), (0x20000000, b"data")], "0x20000000..0x20000003 lies outside the flash of tester"),
        ([(0x0803FFFC, b"12345")], "0x0803fffc..0x08040000 lies outside"),
        ([(0x07FFFFFF, b"12")], "0x07ffffff..0x08000000 lies outside"),
        ([(0x0803EFFF, b"12")], "reaches into what is kept for adapters, 0x0803f000..0x0803ffff"),
        ([], "nothing in it is to be loaded"),
    ],
)
def test_firmware_must_fit_the_memory_map(
    to: Board, tmp_path: Path, segments: list[tuple[int, bytes]], message: str
) -> None:
    (tmp_path / "bad.elf").write_bytes(elf(*segments))
    with pytest.raises(McueditError, match=message.replace(".", r"\.")):
        flashing.firmware_image(to, Path("bad.elf"))


def test_firmware_may_end_where_the_slots_start(to: Board, tmp_path: Path) -> None:
    (tmp_path / "full.elf").write_bytes(elf((0x08000000, bytes(0x3F000))))
    assert flashing.firmware_image(to, Path("full.elf")).size == 0x3F000


@pytest.mark.parametrize("length", [0, 10, 60, 120])
def test_files_that_are_no_firmware_are_refused(to: Board, tmp_path: Path, length: int) -> None:
    (tmp_path / "cut.elf").write_bytes(elf(*FIRMWARE)[:length])
    with pytest.raises(McueditError, match=r"cut\.elf: (no ELF file|nothing in it)"):
        flashing.firmware_image(to, Path("cut.elf"))
    with pytest.raises(McueditError, match="No such file"):
        flashing.firmware_image(to, Path("none.elf"))


def test_packed_firmware_counts_by_size_alone(to: Board, tmp_path: Path) -> None:
    (tmp_path / "esp.elf").write_bytes(elf((0x42000000, bytes(100)), (0x3C000000, bytes(100)), machine=94))
    assert flashing.firmware_image(to, Path("esp.elf"), packed=True).size == 200
    (tmp_path / "esp.elf").write_bytes(elf((0x42000000, bytes(0x3F001)), machine=94))
    with pytest.raises(McueditError, match="258,049 bytes, board tester has room for 258,048"):
        flashing.firmware_image(to, Path("esp.elf"), packed=True)


def test_a_packed_image_is_measured_before_it_is_written(
    bin_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script(bin_dir, "esptool", 'echo "$@" >> log; [ "$3" = elf2image ] && head -c $SIZE /dev/zero > "$5"; echo "$SAYS"')
    monkeypatch.setenv("SIZE", "258048")
    monkeypatch.setenv("SAYS", "Hash of data verified.")
    assert cli.invoke(["flash", "tester", "firmware.elf", "--runner", "esptool"]) == 0
    monkeypatch.setenv("SIZE", "258049")
    said = refused(capsys, "flash", "tester", "firmware.elf", "--runner", "esptool")
    assert "firmware.bin: 258,049 bytes, board tester has room for 258,048" in said
    assert Path("log").read_text().count("write-flash") == 1


def test_adapters_must_fit_their_slot(to: Board) -> None:
    data = device_bytes()
    image = flashing.adapter_image(to, "a", data, 1)
    assert image.address == 0x0803F800
    assert image.segments[0][1] == data + b"\xff" * (-len(data) % 8)
    for number in (-1, 2):
        with pytest.raises(McueditError, match=f"no slot {number}"):
            flashing.adapter_image(to, "a", data, number)
    with pytest.raises(McueditError, match="CRC mismatch"):
        flashing.adapter_image(to, "a", data[:-1] + b"?", 0)
    small = board.Board(**{**vars(to), "geometry": memory.Geometry(8, 8, memory.Slots(0x08000000, 8, 2))})
    with pytest.raises(McueditError, match=f"a: {len(data)} bytes, a slot of board tester has 8"):
        flashing.adapter_image(small, "a", data, 0)
    none = board.Board(**{**vars(to), "geometry": memory.Geometry(8, 8, None)})
    with pytest.raises(McueditError, match="has no slots for adapters"):
        flashing.adapter_image(none, "a", data, 0)


def test_an_adapter_for_another_base_is_refused(to: Board, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "other.tflite").write_bytes(tiny.classifier((16, 9, 6)))
    said = refused(capsys, "flash", "tester", "--adapter", "adapter.bin", "--slot", "0", "--base", "other.tflite")
    assert "the adapter is for another base" in said


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "nothing to write"),
        (["--adapter", "adapter.bin"], "--adapter and --slot belong together"),
        (["firmware.elf", "--slot", "0"], "--adapter and --slot belong together"),
        (["--adapter", "none.bin", "--slot", "0"], "none.bin: No such file"),
        (["firmware.elf", "--timeout", "0"], "--timeout"),
    ],
)
def test_bad_command_lines(to: Board, capsys: pytest.CaptureFixture[str], args: list[str], message: str) -> None:
    assert message in refused(capsys, "flash", "tester", *args)


def test_a_board_says_who_flashes_it(to: Board) -> None:
    only = board.Board(**{**vars(to), "flashing": memory.Flashing("pyocd", {"pyocd": "x"})})
    with pytest.raises(McueditError, match="board tester is not flashed by west"):
        flashing.commands(only, [], "west")
    with pytest.raises(McueditError, match="board virt cannot be flashed"):
        flashing.commands(board.Board(**{**vars(to), "name": "virt", "flashing": None}), [])


def test_boards_are_listed_with_their_runners(to: Board, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.invoke(["boards", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["tester_runners"] == ["openocd", "pyocd", "west", "esptool"]
    assert cli.invoke(["boards"]) == 0
    assert "openocd, pyocd, west, esptool" in capsys.readouterr().out


def test_all_goes_well(bin_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script(bin_dir, "openocd", f'echo "$@" >> log; {OK}')
    assert cli.invoke([*BOTH, "--json"]) == 0
    said = capsys.readouterr()
    values = json.loads(said.out)
    assert values["firmware_state"] == values["adapter_state"] == "written and verified"
    assert values["adapter_address"] == 0x0803F800
    assert said.err.count("** Verified OK **") == 2
    assert len(Path("log").read_text().splitlines()) == 2
    assert cli.invoke(BOTH) == 0
    assert "slot 1" in capsys.readouterr().out


def test_an_adapter_alone_touches_nothing_else(bin_dir: Path) -> None:
    script(bin_dir, "openocd", f'echo "$@" >> log; cp "$(echo "$4" | sed "s/.*{{\\(.*\\)}}.*/\\1/")" copy; {OK}')
    assert cli.invoke(["flash", "tester", "--adapter", "adapter.bin", "--slot", "0"]) == 0
    assert Path("log").read_text().endswith("slot0.bin} verify reset exit 0x0803f000\n")
    assert Path("copy").read_bytes().rstrip(b"\xff") == device_bytes().rstrip(b"\xff")


def test_pyocd_compares_every_piece(bin_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script(bin_dir, "pyocd", '[ "$1" = load ] || { echo "All 200 bytes match."; echo "All 9 bytes match."; }')
    assert cli.invoke(["flash", "tester", "firmware.elf", "--runner", "pyocd"]) == 0
    script(bin_dir, "pyocd", '[ "$1" = load ] || { echo "All 200 bytes match."; echo "Mismatched byte at 0x0"; }')
    said = refused(capsys, "flash", "tester", "firmware.elf", "--runner", "pyocd")
    assert "pyocd commander did not say 'bytes match.' (Mismatched byte at 0x0); firmware: may be half-written" in said


def test_west_gets_hex_files_and_proves_nothing(bin_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script(bin_dir, "arm-none-eabi-objcopy", 'for last; do :; done; echo ":00000001FF" > "$last"')
    script(bin_dir, "west", 'for last; do :; done; cat "$last"')
    assert cli.invoke(["flash", "tester", "firmware.elf", "--runner", "west", "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["firmware_state"] == "written"
    assert ":00000001FF" in said.err


def test_a_missing_runner_is_named(
    to: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    said = refused(capsys, *BOTH)
    assert "openocd is not installed; firmware: untouched, slot 1: untouched" in said
    assert "hint: apt install openocd" in said
    script(tmp_path, "west", "exit 0")
    said = refused(capsys, *BOTH, "--runner", "west")
    assert "arm-none-eabi-objcopy is not installed" in said


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("echo Error: flash is locked; exit 3", "openocd failed with exit code 3 (Error: flash is locked)"),
        ("exit 1", "openocd failed with exit code 1"),
        ("kill -SEGV $$", "openocd failed with exit code -11"),
        ("echo done", "openocd did not say '** Verified OK **' (done)"),
        (r"printf '\377\376\000\033[2J\n'", "openocd did not say '** Verified OK **' (\ufffd\ufffd??[2J)"),
        ("exec >&- 2>&-; sleep .2; exit 4", "openocd failed with exit code 4"),
    ],
)
def test_a_failing_runner(bin_dir: Path, capsys: pytest.CaptureFixture[str], body: str, message: str) -> None:
    script(bin_dir, "openocd", body)
    said = refused(capsys, *BOTH)
    assert message in said
    assert "firmware: may be half-written, slot 1: untouched" in said


def test_what_was_written_before_stays_written(bin_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script(bin_dir, "openocd", f"[ -e once ] && exit 1; touch once; {OK}")
    assert "firmware: written and verified, slot 1: may be half-written" in refused(capsys, *BOTH)


def test_no_board_leaves_it_untouched(bin_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script(bin_dir, "openocd", "echo 'Error: open failed'; exit 1")
    said = refused(capsys, *BOTH)
    assert "openocd found no board; firmware: untouched, slot 1: untouched" in said
    assert "cable" in said


def test_a_script_that_cannot_be_run(bin_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (bin_dir / "openocd").write_text("#!/no/such/shell\n")
    (bin_dir / "openocd").chmod(0o755)
    assert "openocd: No such file or directory; firmware: untouched" in refused(capsys, *BOTH)


HANGING = "sleep 1000 & echo $! > child; trap '' TERM; echo erasing; sleep 1000; sleep 1000"


def test_a_hanging_runner_is_ended_with_its_children(
    bin_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("mcuedit.boards.flashing.process._GRACE", 0.2)
    said = ""

    def clock() -> float:
        """Its time is over when it has said something, not while a busy machine has yet to start it."""
        nonlocal said
        said += capsys.readouterr().err
        return float("erasing" in said)

    monkeypatch.setattr("mcuedit.boards.flashing.process.time.monotonic", clock)
    script(bin_dir, "openocd", HANGING)
    last = refused(capsys, *BOTH, "--timeout", "0.5")
    assert "openocd did not end within 0.5 s; firmware: may be half-written" in last
    assert "erasing" in said
    assert_gone(int(Path("child").read_text()))


def test_a_child_that_keeps_the_output_open_does_not_hold_us_up(bin_dir: Path) -> None:
    script(bin_dir, "openocd", f"sleep {2 * WAIT} & echo $! > child; {OK}")
    started = time.monotonic()
    assert cli.invoke(BOTH) == 0
    assert time.monotonic() - started < WAIT
    assert_gone(int(Path("child").read_text()))


def test_ctrl_c_ends_the_runner_and_says_what_is_on_the_board(bin_dir: Path, tmp_path: Path) -> None:
    script(bin_dir, "openocd", "sleep 100 & echo $! > child; echo erasing; sleep 1000")
    program = (
        "import signal, sys; from pathlib import Path; from mcuedit import cli; from mcuedit.boards import board;"
        "signal.signal(signal.SIGINT, signal.default_int_handler);"  # a test run in the background ignores it
        "made = board.parse(Path('tester/board.toml')); board.load = lambda name: made;"
        "sys.exit(cli.invoke(sys.argv[1:]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, *BOTH], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    until(lambda: Path("child").is_file() and bool(Path("child").read_text()), "openocd has started")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=WAIT)
    assert process.returncode == 130
    assert "note: firmware: may be half-written, slot 1: untouched" in said
    assert_gone(int(Path("child").read_text()))


def assert_gone(pid: int) -> None:
    def gone() -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"  # nobody reaps it: it is dead all the same

    until(gone, f"process {pid} is alive")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("program_unit = 8", "program_unit = 6", "flash.program_unit: expected a power of two"),
        ("erase_page = 0x800", "erase_page = 0x804", "flash.erase_page: expected a multiple of program_unit"),
        ("origin = 0x0803f000", "origin = 0x0803f008", "flash.slots.origin: expected a multiple of erase_page"),
        ("count = 2", "count = 0", "flash.slots.count: expected more than 0"),
        ("count = 2", "count = 3", "flash.slots: expected a range inside memory.flash"),
        ("count = 2", "number = 2", "flash.slots.count: it is missing"),
        ('runner = "openocd"', 'runner = "jlink"', "flashing.runner: expected one that"),
        ('pyocd = "', 'pyocd2 = "', "flashing.targets.pyocd2: expected 'pyocd', 'openocd', 'west' or 'esptool'"),
        ("[flash]\n", "[flush]\n", "key flush: expected no such key"),
        (FLASH, "", r"flash: expected \[flash\] beside \[flashing\]"),
        ("erase_page", "more = 1\nerase_page", "flash.more: expected no such key"),
    ],
)
def test_each_mistake_in_a_board_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "board.toml"
    path.write_text(BOARD.replace(old, new, 1))
    assert path.read_text() != BOARD
    with pytest.raises(McueditError, match=message):
        board.parse(path)
