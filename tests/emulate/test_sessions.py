# SPDX-License-Identifier: Apache-2.0
"""Real ELF files on real emulators: what works, and how each failure shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.virtual import ALL_BOARDS, ONE_EACH, UNICORN_BOARDS, BuildEcho, needs_gcc

from mcuedit._util.errors import McueditError
from mcuedit.boards import board
from mcuedit.emulate import Crash, Fault, Session, Timeout, open_session


def start(echo: BuildEcho, name: str, emulator: str, compiler: str = "auto", **options: float) -> Session:
    return open_session(emulator, board.load(name), echo(name, compiler).elf, **{"timeout": 5.0, **options})


@pytest.mark.parametrize(("name", "emulator"), ALL_BOARDS)
def test_echo(echo: BuildEcho, name: str, emulator: str) -> None:
    with start(echo, name, emulator) as device:
        device.write(b"hello\nworld\n")
        assert device.read_line() == "echo ready 45"  # data was copied, bss zeroed, constants are where they belong
        assert [device.read_line(), device.read_line()] == ["hello", "world"]
        device.write(b"again\n")
        assert device.read_line() == "again"
        assert device.text == "echo ready 45\nhello\nworld\nagain\n"


@pytest.mark.parametrize("name", ["virt-m0", "virt-m4"])
def test_echo_by_zig(echo: BuildEcho, name: str) -> None:
    with start(echo, name, "unicorn", "zig") as device:
        device.write(b"hello\n")
        assert [device.read_line(), device.read_line()] == ["echo ready 45", "hello"]


@needs_gcc
@pytest.mark.parametrize("name", UNICORN_BOARDS)
def test_gcc_is_first_choice(echo: BuildEcho, name: str) -> None:
    assert echo(name).toolchain == "gcc"


@pytest.mark.parametrize(("name", "emulator"), ALL_BOARDS)
@pytest.mark.parametrize("trigger", [b"!", b"@", b"&"], ids=["instruction", "address", "stack"])
def test_fault(echo: BuildEcho, name: str, emulator: str, trigger: bytes) -> None:
    with start(echo, name, emulator) as device:
        device.write(b"before\n" + trigger)
        assert [device.read_line(), device.read_line()] == ["echo ready 45", "before"]
        with pytest.raises(Fault, match="pc=0x") as caught:
            _read_all(device)
        assert caught.value.text.startswith("echo ready 45\nbefore\n")


@pytest.mark.parametrize(("name", "emulator"), ONE_EACH)
@pytest.mark.parametrize("sent", [b"~", b"no line end"], ids=["hangs", "waits"])
def test_timeout(echo: BuildEcho, name: str, emulator: str, sent: bytes) -> None:
    with start(echo, name, emulator, timeout=0.5) as device:
        device.write(sent)
        assert device.read_line() == "echo ready 45"
        with pytest.raises(Timeout) as caught:
            device.read_line()
        assert caught.value.text.startswith("echo ready 45\n")


@pytest.mark.parametrize(("name", "emulator"), ALL_BOARDS)
def test_counting_and_stack(echo: BuildEcho, name: str, emulator: str) -> None:
    with start(echo, name, emulator, count=True) as device:
        device.write(b"#\n$\n%$\n")
        assert device.read_line() == "echo ready 45"
        ticks = [int(word) for word in device.read_line().split()]
        before, after = int(device.read_line()), int(device.read_line())
    overhead, marked = ((ticks[i + 1] - ticks[i]) % (1 << 32) for i in range(2))
    ratio = board.load(name).emulators[emulator].ticks_per_instruction
    assert abs((marked - overhead) / ratio - 3002) <= 2
    assert 0 < before < 1024
    assert 4096 <= after < 8192


@pytest.mark.parametrize(("name", "emulator"), ONE_EACH)
def test_damaged_elf(echo: BuildEcho, tmp_path: Path, name: str, emulator: str) -> None:
    whole = echo(name).elf.read_bytes()
    for damaged in (b"", b"not an ELF file", whole[:40], whole[: len(whole) // 40], b"\x7fELF" + bytes(200)):
        path = tmp_path / "damaged.elf"
        path.write_bytes(damaged)
        with pytest.raises(Crash, match=r"damaged\.elf"):
            open_session(emulator, board.load(name), path)
    with pytest.raises(Crash, match="missing"):
        open_session(emulator, board.load(name), tmp_path / "missing.elf")


@pytest.mark.parametrize(("name", "emulator"), ONE_EACH)
def test_overwritten_code_fails(echo: BuildEcho, tmp_path: Path, name: str, emulator: str) -> None:
    """The ELF's own code runs, not something else that happens to answer."""
    whole = bytearray(echo(name).elf.read_bytes())
    at = whole.find(b"echo ready")
    whole[at : at + 4] = b"ECHO"
    path = tmp_path / "other.elf"
    path.write_bytes(whole)
    with open_session(emulator, board.load(name), path) as device:
        assert device.read_line() == "ECHO ready 45"
    path.write_bytes(_with_code(whole, b"\x00\xde"))
    with open_session(emulator, board.load(name), path, timeout=2.0) as device, pytest.raises((Fault, Timeout, Crash)):
        device.read_line()


def _read_all(device: Session) -> None:
    while True:
        device.read_line()


def _with_code(elf: bytearray, instruction: bytes) -> bytes:
    """The ELF with everything behind the vector table in its first segment replaced."""
    import io

    from elftools.elf.elffile import ELFFile

    segment = next(ELFFile(io.BytesIO(elf)).iter_segments("PT_LOAD"))
    start, size = segment["p_offset"] + 64, segment["p_filesz"] - 64
    return bytes(elf[:start] + instruction * (size // 2) + elf[start + size // 2 * 2 :])


def test_elf_for_another_memory_map(echo: BuildEcho) -> None:
    with pytest.raises(Crash, match="does not fit"):
        open_session("unicorn", board.load("virt-m4"), echo("stm32f4_discovery").elf)


def test_elf_for_another_core(echo: BuildEcho) -> None:
    with pytest.raises(Crash, match=r"made for Armv8-M mainline, board virt-m4 has a cortex-m4 with fpv4-sp-d16"):
        open_session("unicorn", board.load("virt-m4"), echo("mps2-an505").elf)


def test_wrong_emulator(echo: BuildEcho) -> None:
    with pytest.raises(McueditError, match="board virt-m4 does not run on qemu") as caught:
        open_session("qemu", board.load("virt-m4"), echo("virt-m4").elf)
    assert "mps2-an386" in caught.value.hint
    with pytest.raises(McueditError, match="no emulator 'gem5'"):
        open_session("gem5", board.load("virt-m4"), echo("virt-m4").elf)


def test_qemu_missing(echo: BuildEcho, monkeypatch: pytest.MonkeyPatch) -> None:
    elf = echo("mps2-an386").elf
    monkeypatch.setenv("PATH", "")
    with pytest.raises(McueditError, match="qemu-system-arm is not installed") as caught:
        open_session("qemu", board.load("mps2-an386"), elf)
    assert "apt install qemu-system-arm" in caught.value.hint
