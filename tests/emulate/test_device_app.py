# SPDX-License-Identifier: Apache-2.0
"""The updatable microcontroller: SMP's serial frames and the line protocol on one UART (firmware/apps/device)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cbor2
import numpy as np
import pytest
from helpers import packages
from smp import packet
from smp.header import OP, Header

from mcuedit._util.errors import McueditError
from mcuedit.boards import board
from mcuedit.build.driver import BuildResult
from mcuedit.build.options import BuildOptions
from mcuedit.emulate import Session, open_session
from mcuedit.emulate.devices.updatable import DeviceSetup, build_device, device_sources
from mcuedit.emulate.peripherals.flash import Flash
from mcuedit.model.bundle import Base

BOARD = "virt-m4"
STATUS, ACTIVATE, ARMS, USER = 0, 1, 4, 64


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> BuildResult:
    base = Base("base", packages.model())
    return build_device(
        base,
        [packages.public()],
        board.load(BOARD),
        tmp_path_factory.mktemp("device"),
        DeviceSetup(development=True),
        BuildOptions(opt="s"),
    )


@pytest.fixture
def device(built: BuildResult) -> Iterator[Session]:
    where = board.load(BOARD)
    with open_session("unicorn", where, built.elf, timeout=20.0, flash=Flash.of(where)) as session:
        assert session.read_line() == "mcuedit ready"
        yield session


def say(device: Session, command: str) -> str:
    device.write(command.encode() + b"\n")
    return device.read_line()


def ask(device: Session, group: int, command: int, fields: Any = None, *, write: bool = False) -> Any:
    """The map of the response to a request, which goes and comes in serial frames."""
    body = cbor2.dumps(fields or {})
    op = OP.WRITE if write else OP.READ
    header = bytes([op | 1 << 3, 0, *len(body).to_bytes(2, "big"), *group.to_bytes(2, "big"), 5, command])
    device.write(b"".join(packet.encode(header + body)))
    decoder = packet.decode()
    next(decoder)
    while True:
        try:
            decoder.send(device.read_line().encode() + b"\n")
        except StopIteration as done:
            return cbor2.loads(done.value[Header.SIZE :])


def upload(device: Session, package: bytes, size: int = 128) -> None:
    fields: dict[str, Any] = {"len": len(package), "sha": hashlib.sha256(package).digest()}
    at = 0
    while at < len(package):
        answer = ask(device, 1, 1, {"off": at, "data": package[at : at + size], **fields}, write=True)
        at, fields = answer["off"], {}
    assert answer["match"]


def test_frames_and_lines_share_the_uart(device: Session) -> None:
    model, adapter = packages.model(), packages.fact()
    package = packages.package(adapter=adapter)
    x = np.random.default_rng(1).integers(-128, 128, (40, 16)).astype(np.int8)
    differs = packages.answer(model, [], x) != packages.answer(model, [adapter], x)
    row = "run " + x[np.flatnonzero(differs)[0]].tobytes().hex()

    before = say(device, row)
    assert before.startswith("out ")
    device.write(b"\x06\x09garbage\n\x04\x14AAAA\n\x06\n")  # no answer to any of it
    assert say(device, "hello") == "error E_COMMAND"
    upload(device, package)
    assert say(device, row) == before
    slot = next(s for s in range(4) if ask(device, USER, STATUS, {"slot": s})["state"])
    assert ask(device, USER, ACTIVATE, {"mask": 1 << slot, "ab": 50}, write=True) == {"mask": 1 << slot}

    arms = {name: say(device, f"who {name}") for name in ("ann", "bob", "cid", "dan", "eve", "fay")}
    assert set(arms.values()) == {"arm 0", "arm 1"}
    for name, arm in arms.items():
        say(device, f"who {name}")
        assert (say(device, row) != before) == (arm == "arm 1")
        assert say(device, "good" if arm == "arm 1" else "bad") == "ok"
    ones = sum(arm == "arm 1" for arm in arms.values())
    assert ask(device, USER, ARMS) == {"runs": [6 - ones, ones], "good": [0, ones], "bad": [6 - ones, 0]}
    assert say(device, "who " + "x" * 33) == "error E_SIZE"
    assert say(device, "good x") == "error E_COMMAND"
    assert say(device, "use 1") == "error E_COMMAND"  # what is active, the store decides


def test_reset_restarts_and_the_store_remembers(device: Session) -> None:
    upload(device, packages.package())
    assert ask(device, 0, 5, write=True) == {}
    assert device.read_line() == "mcuedit ready"
    assert len(ask(device, 1, 0)["images"]) == 1


def test_memory(device: Session, built: BuildResult) -> None:
    """What a signed update costs beside the base: code and data with cryptography, and stack."""
    upload(device, packages.package())
    text = say(device, "stat")
    print(built.footprint, text)
    assert int(text.split("stack=")[1].split()[0]) < 4096
    assert built.footprint.code < 36_000


def test_boards_without_a_place_for_a_store_are_refused(tmp_path: Path) -> None:
    with pytest.raises(McueditError, match="stm32f746g_disco has no flash for a store"):
        build_device(Base("base", packages.model()), [], board.load("stm32f746g_disco"), tmp_path)


@pytest.mark.parametrize("device_id", ["", "x" * 17, 'a"b', "a\\b", "ü"])
def test_ids_that_are_none(device_id: str) -> None:
    with pytest.raises(McueditError, match="device id"):
        device_sources(Base("base", packages.model()), [], device_id)
