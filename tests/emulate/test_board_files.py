# SPDX-License-Identifier: Apache-2.0
"""Everything in a board's folder says the same: board.toml, linker map, Renode's platform, script and robot."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from helpers.virtual import RENODE_BOARDS

from mcuedit import cli
from mcuedit._util import resources
from mcuedit.boards import board
from mcuedit.boards.board import Board
from mcuedit.boards.memory import Region
from mcuedit.boards.render import render as render_board
from mcuedit.build.linker import render
from mcuedit.emulate.backends.renode import program as renode_program

UARTS = {
    "cmsdk": "UART.CMSDK_APB_UART",
    "stm32v1": "UART.STM32_UART",
    "stm32v2": "UART.STM32F7_USART",
    "nrf": "UART.NRF52840_UART",
}
CORES = {"cortex-m0plus": "cortex-m0+", "cortex-m4": "cortex-m4(f)?"}  # where Renode says it in another way
OWN = [name for name in RENODE_BOARDS if board.load(name).emulators["renode"].machine == f"{name}.repl"]
MORE = ["nrf52840dk"]  # their own platforms are Renode's with something more
WHOLE = [name for name in OWN if name not in MORE]
STOCK = [name for name in RENODE_BOARDS if name not in WHOLE]


class Platform:
    """What a .repl file and those that it uses say."""

    def __init__(self, path: Path, root: Path) -> None:
        text = path.read_text(encoding="utf-8-sig")
        used = [Platform(self._find(name, path, root), root) for name in re.findall(r'^using "(.+)"', text, re.M)]
        self.entries = {name: entry for platform in used for name, entry in platform.entries.items()}
        for entry in re.split(r"\n(?=\S)", text):
            if found := re.match(r"(\w+) ?: (\S+) @ ", entry):
                self.entries[found[1]] = (found[2], entry)
            elif (found := re.match(r"(\w+):\n", entry)) and found[1] in self.entries:  # more about it
                kind, before = self.entries[found[1]]
                self.entries[found[1]] = (kind, before + "\n" + entry)

    @staticmethod
    def _find(name: str, path: Path, root: Path) -> Path:
        return path.parent / name if name.startswith(".") else root / name

    def memory(self) -> list[Region]:
        """Where firmware may read: memory, and what plays it beside registers (the first range of two)."""
        found = []
        for kind, entry in self.entries.values():
            sizes = re.findall(r"size: (0x[0-9A-Fa-f]+)", entry)
            if kind == "Memory.MappedMemory" and sizes:
                found += [Region(at, int(sizes[-1], 16)) for at in self._addresses(entry)]
            elif kind == "Python.PythonPeripheral":
                found.append(Region(self._addresses(entry)[0], int(sizes[-1], 16)))
        return found

    def attribute(self, name: str, key: str) -> str:
        return re.findall(rf'^\s+{key}: "?([^"\n]+)', self.entries[name][1], re.M)[-1]

    def place(self, name: str) -> tuple[str, int]:
        """Type and address."""
        kind, entry = self.entries[name]
        return kind, self._addresses(entry)[0]

    @staticmethod
    def _addresses(entry: str) -> list[int]:
        return [int(at, 16) for at in re.findall(r"sysbus <?(0x[0-9A-Fa-f]+)", entry)]


def _file(name: str, kind: str) -> str:
    return (resources.path("boards") / name / f"{name}.{kind}").read_text()


def _check_platform(platform: Platform, b: Board) -> None:
    emulation = b.emulators["renode"]
    assert re.fullmatch(CORES.get(emulation.cpu, emulation.cpu), platform.attribute("cpu", "cpuType"))
    assert emulation.uart is not None
    assert platform.place(emulation.uart) == (UARTS[b.uart_driver], b.uart_base)
    memory = sorted(platform.memory(), key=lambda region: region.origin)
    for wanted in (b.flash, b.ram, *([b.selftest] if b.selftest else [])):
        at = wanted.origin
        for region in memory:  # two banks may lie one after the other
            if region.origin <= at < region.end:
                at = region.end
        assert at >= wanted.end, f"{wanted} is not all memory"


@pytest.mark.parametrize("name", board.names())
def test_linker_map(name: str) -> None:
    b = board.load(name)
    text = render("link.ld.j2", board=b, generated="generated")
    found = {
        word: Region(int(origin, 16), int(length))
        for word, origin, length in re.findall(r"(\w+) \(\w+\) : ORIGIN = (\w+), LENGTH = (\w+)", text)
    }
    assert found.pop("FLASH") == b.code
    assert found.pop("RAM") == b.ram
    assert found.pop("SELFTEST", None) == b.selftest
    assert not found
    assert f". = . + {b.stack};" in text


@pytest.mark.parametrize("name", board.names())
def test_what_is_committed_is_what_board_toml_gives(name: str) -> None:
    folder = resources.path("boards") / name
    committed = {path.name: path.read_text() for path in folder.iterdir() if path.name != "board.toml"}
    assert committed == render_board(board.load(name))


def test_boards_write_gives_a_folder_that_renode_can_take(tmp_path: Path) -> None:
    """The same files as are committed, and what they include, from nothing but the board.toml of each."""
    assert cli.invoke(["boards", "--write", str(tmp_path / "made")]) == 0
    source = resources.path("boards")
    wanted = {p.relative_to(source): p.read_text() for p in source.rglob("*") if p.is_file() and p.suffix != ".toml"}
    made = {p.relative_to(tmp_path / "made"): p.read_text() for p in (tmp_path / "made").rglob("*") if p.is_file()}
    assert made == wanted
    assert (tmp_path / "made" / "nrf52840dk" / "flash.sh").stat().st_mode & 0o111


def test_boards_write_alone_mends_the_folder_of_the_boards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new board is its board.toml: the rest is written beside it."""
    (tmp_path / "mine").mkdir()
    text = (resources.path("boards") / "stm32f4_discovery" / "board.toml").read_text()
    (tmp_path / "mine" / "board.toml").write_text(text.replace("usart2", "usart6"))
    find = resources.path
    monkeypatch.setattr(resources, "path", lambda name: tmp_path if name == "boards" else find(name))
    assert cli.invoke(["boards", "--write"]) == 0
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == [
        "board.toml",
        "flash.sh",
        "mine.resc",
        "mine.robot",
    ]
    assert "sysbus.usart6" in (tmp_path / "mine" / "mine.robot").read_text()


@pytest.mark.parametrize("name", board.names())
def test_every_board_that_can_be_flashed_has_all_its_files(name: str) -> None:
    b = board.load(name)
    if b.flashing:
        assert {"unicorn", "renode"} <= b.emulators.keys()
    if "renode" in b.emulators:
        assert all((resources.path("boards") / name / f"{name}.{kind}").is_file() for kind in ("resc", "robot"))


@pytest.mark.parametrize("name", WHOLE)
def test_own_platform(name: str) -> None:
    b = board.load(name)
    platform = Platform(resources.path("boards") / name / f"{name}.repl", Path())
    _check_platform(platform, b)
    assert len(platform.memory()) == 2 + (b.selftest is not None)
    assert platform.attribute("cpu", "nvic") == "nvic"
    assert platform.place("nvic") == ("IRQControllers.NVIC", 0xE000E000)
    assert platform.attribute("nvic", "systickFrequency") == platform.attribute("uart0", "frequency")


@pytest.mark.parametrize("name", STOCK)
def test_stock_platform(name: str) -> None:
    program = renode_program.program()
    root = Path(program).resolve().parent if program else Path("/opt/renode")
    if not (root / "platforms").is_dir():
        pytest.skip("no platforms of Renode beside its program (RENODE, PATH)")
    b = board.load(name)
    folder = resources.path("boards") / name if name in OWN else root
    _check_platform(Platform(folder / b.emulators["renode"].machine, root), b)


def test_the_platform_with_a_controller_of_flash_has_it_where_the_board_does() -> None:
    geometry = board.load("nrf52840dk").geometry
    assert geometry
    assert geometry.region
    text = _file("nrf52840dk", "repl")
    begin, size = geometry.region.origin, geometry.region.length
    assert f"flash:\n    size: {begin:#X}\n".replace("0X", "0x") in text
    assert f"sysbus <{begin:#010x}, +{size:#x}>;".upper() in text.upper()
    assert f"sysbus <{geometry.controller:#010x}, +0x1000>\n".upper() in text.upper()
    assert (
        f"BEGIN, REGISTERS, PAGE = {begin:#x}, {geometry.controller:#x}, {geometry.erase_page:#x}".upper()
        in text.upper()
    )


@pytest.mark.parametrize("name", RENODE_BOARDS)
def test_script(name: str) -> None:
    b, text = board.load(name), _file(name, "resc")
    emulation = b.emulators["renode"]
    assert f":name: {name}\n" in text
    assert f'$name?="{name}"\n' in text
    assert "$elf?=$CWD/server.elf\n" in text
    assert "$uart?=$CWD/uart.txt\n" in text  # a bare name would lie in Renode's own folder
    where = "$ORIGIN/" if name in OWN else "@"
    assert f"machine LoadPlatformDescription {where}{emulation.machine}\n" in text
    assert f"\n{emulation.uart} CreateFileBackend $uart true\n" in text
    assert "$tcp?=4444\n" in text
    assert f"connector Connect sysbus.{emulation.uart} transport\n" in text.split("macro transport\n")[1]
    assert f"cpu VectorTableOffset {b.flash.origin:#010x}\n" in text
    assert text.index("LoadPlatformDescription") < text.index("firmware.resc\n") < text.index("runMacro $reset")


@pytest.mark.parametrize("name", RENODE_BOARDS)
def test_robot(name: str) -> None:
    """Nothing in it but two variables differs from any other board's."""
    uart = board.load(name).emulators["renode"].uart
    expected = _file("stm32f4_discovery", "robot").replace("stm32f4_discovery", name)
    assert _file(name, "robot") == expected.replace("sysbus.usart2", f"sysbus.{uart}")
