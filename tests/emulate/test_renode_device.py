# SPDX-License-Identifier: Apache-2.0
"""The device app in Renode, whose flash controllers are not ours: what is pushed outlives a reset of the machine."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from helpers import packages
from helpers.operated import SETUP, Device
from helpers.virtual import needs_renode

from mcuedit._util import resources
from mcuedit.boards import board
from mcuedit.build.options import BuildOptions
from mcuedit.emulate.backends import renode
from mcuedit.emulate.backends.renode import program as renode_program
from mcuedit.emulate.backends.renode.log import Log
from mcuedit.emulate.backends.renode.monitor import Monitor, print_command
from mcuedit.emulate.devices.updatable import build_device
from mcuedit.fleet.transport import Refused, upload
from mcuedit.model.bundle import Base

# Renode has the flash controllers of the first, or boards/ brings it; of the others none, or another's (README.md).
STORED = ["stm32f4_discovery", "nucleo_h753zi", "nrf52840dk"]
OTHERS = ["stm32f072b_discovery", "nucleo_g071rb", "nucleo_l552ze_q"]
TIMEOUT = 60  # seconds for one answer: nothing here waits, but machines can be busy
FIX = packages.package(name="fix", seed=1, counter=1)


@contextmanager
def _machine(name: str, elf: Path, folder: Path) -> Iterator[tuple[Monitor, int]]:
    """A machine whose UART is a TCP port, as README.md tells users to start it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    shutil.copytree(resources.path("boards"), folder / "boards")
    log = folder / "renode.log"
    commands = [f"logFile @{log} true", f"$tcp={port}", f"$elf=@{elf}"]
    commands += [
        f"include @{folder}/boards/{name}/{name}.resc",
        "runMacro $transport",
        "start",
        print_command("started"),
    ]
    monitor = Monitor([renode_program.find(), *renode.OPTIONS, "-e", "; ".join(commands)], folder, 60, Log(log))
    try:
        monitor.expect("started", "")
        for _ in range(600):
            if (folder / "uart.txt").stat().st_size:  # it speaks first; before, its UART is off
                break
            monitor.ask("sleep 0.1", "")
        yield monitor, port
    finally:
        monitor.close()


def _build(name: str, folder: Path) -> Path:
    base = Base("tiny", packages.model())
    return build_device(
        base, [packages.public()], board.load(name), folder / "build", SETUP, options=BuildOptions(opt="s")
    ).elf


@needs_renode
@pytest.mark.parametrize("name", STORED)
def test_a_package_outlives_a_reset(name: str, tmp_path: Path) -> None:
    with (
        _machine(name, _build(name, tmp_path), tmp_path) as (monitor, port),
        Device(f"tcp:127.0.0.1:{port}", timeout=TIMEOUT) as device,
    ):
        list(upload(device, FIX))
        slot = next(slot for slot in device.status().slots if slot.state == "staged")
        device.activate(1 << slot.index)
        device.confirm()
        before = device.status()
        assert before.confirmed == (slot.index,)
        monitor.ask("machine Reset", "")
        assert device.status() == before
        assert device.records(0).next >= 4


@needs_renode
@pytest.mark.parametrize("name", OTHERS)
def test_without_its_controller_a_push_ends_in_an_error(name: str, tmp_path: Path) -> None:
    with (
        _machine(name, _build(name, tmp_path), tmp_path) as (_, port),
        Device(f"tcp:127.0.0.1:{port}", timeout=TIMEOUT) as device,
        pytest.raises(Refused, match="E_FLASH"),
    ):
        list(upload(device, FIX))
