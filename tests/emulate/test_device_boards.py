# SPDX-License-Identifier: Apache-2.0
"""The device app on boards: packages over its UART, in emulators, by the drivers of the parts' own flash."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable
from functools import cache

import pytest
from helpers import packages
from helpers.counting import Calls
from helpers.linked import IMAGE, WRITE, Linked, digest
from helpers.operated import OPERATOR, SETUP, Device
from helpers.virtual import needs_qemu

from mcuedit.boards import board
from mcuedit.build import compilers
from mcuedit.build.driver import BuildResult
from mcuedit.build.options import BuildOptions
from mcuedit.emulate.backends.unicorn import UnicornSession
from mcuedit.emulate.devices.serve import serve
from mcuedit.emulate.devices.updatable import build_device
from mcuedit.emulate.peripherals.flash import Flash
from mcuedit.fleet.transport import upload
from mcuedit.model.bundle import Base

OPEN = "mcuedit_store_open_slots8_views4_authority"  # its name carries the options

FIX, OTHER = (packages.package(name=name, seed=i, counter=i) for i, name in enumerate(("fix", "other"), 1))
UNITS = ["stm32f072b_discovery", "nrf52840dk", "nucleo_g071rb", "nucleo_h753zi"]  # 2, 4, 8 and 32 bytes
TIMEOUT = 60  # seconds for one answer: nothing here waits, but machines can be busy
CALLS = 20  # program and erase calls of install and activation
SWAP, INPUT = 200, bytes(16)

BuildApp = Callable[[str], BuildResult]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> BuildApp:
    base = Base("tiny", packages.model())

    @cache
    def make(name: str) -> BuildResult:
        return build_device(
            base,
            [packages.public()],
            board.load(name),
            tmp_path_factory.mktemp(name),
            SETUP,
            options=BuildOptions(opt="s"),
        )

    return make


@pytest.mark.parametrize(
    ("name", "emulator"), [("virt-m4", "unicorn"), pytest.param("mps2-an386", "qemu", marks=needs_qemu)]
)
def test_push(app: BuildApp, name: str, emulator: str) -> None:
    """By TCP, as `mcuedit push` does; a reset in between is a real one."""
    with serve(emulator, board.load(name), app(name).elf, timeout=TIMEOUT) as port:
        with Device(f"tcp:127.0.0.1:{port}", timeout=TIMEOUT) as device:
            list(upload(device, FIX))
            slot = next(slot for slot in device.status().slots if slot.state == "staged")
            assert (slot.name, slot.version, slot.counter, slot.size) == ("fix", "1.2.0", 1, len(FIX))
            device.activate(1 << slot.index, boots=2)
            assert (device.status().trial, device.status().boots) == ((slot.index,), 2)
            device.reset()
        with socket.create_connection(("127.0.0.1", port), TIMEOUT) as line:  # the other protocol on the same UART
            line.sendall(b"\nrun " + INPUT.hex().encode() + b"\n")
            said = b""
            while not (b"out " in said and said.endswith(b"\n")):
                said += line.recv(4096)
        with Device(f"tcp:127.0.0.1:{port}", timeout=TIMEOUT) as device:
            assert (device.status().trial, device.status().boots) == ((slot.index,), 1)
            device.confirm()
            assert device.status().confirmed == (slot.index,)
            assert device.arms().runs[0] + device.arms().runs[1] > 0


@needs_qemu
def test_qemu_with_a_port_of_its_own(app: BuildApp) -> None:
    """As README.md tells users to start it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = ["qemu-system-arm", "-M", "mps2-an386", "-display", "none", "-monitor", "none"]
    command += ["-serial", f"tcp:127.0.0.1:{port},server=on,wait=on", "-kernel", str(app("mps2-an386").elf)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as qemu:
        try:
            with Device(f"tcp:127.0.0.1:{port}", timeout=TIMEOUT, tries=20) as device:
                list(upload(device, FIX))
                assert [slot.name for slot in device.status().slots if slot.state == "staged"] == ["fix"]
        finally:
            qemu.kill()


@pytest.mark.parametrize("name", UNITS)
def test_every_kind_of_flash(app: BuildApp, name: str) -> None:
    """Install, try, confirm and go back through the part's controller; misuse would end the session."""
    flash = Flash.of(board.load(name))
    with UnicornSession(board.load(name), app(name).elf, flash=flash) as session:
        device = Linked(session, OPERATOR)
        device.start()
        for package in (FIX, OTHER):
            device.install(package)
            device.activate(package)
            session.power_cycle()
            device.start()
            device.confirm()
        assert device.view(INPUT).confirmed == {digest(OTHER)}
        device.rollback()
        device.ask(IMAGE, 5, WRITE, slot=device.slots()[digest(OTHER)])  # blank slots were not erased
    assert sum(flash.erases) >= 2
    with UnicornSession(board.load(name), app(name).elf, flash=flash) as session:  # what is left on the board
        device = Linked(session, OPERATOR)
        device.start()
        view = device.view(INPUT)
        assert view.confirmed == view.active == {digest(FIX)}
        assert view.minimum_counter == 2


@pytest.mark.skipif(compilers.gcc() is None, reason="arm-none-eabi-gcc is not installed")
def test_instructions(app: BuildApp) -> None:
    """On a M4: a swap between two inferences, opening the store at boot, checking and activating a package; and how
    often install and activation call the flash.
    """
    elf = app("virt-m4").elf
    flash = ("port_flash_program", "port_flash_erase")
    watched = (
        "mcuedit_store_pick",
        "mcuedit_context_latch",
        OPEN,
        "mcuedit_store_reactivate",
        *flash,
    )
    with UnicornSession(board.load("virt-m4"), elf, count=True) as session:
        calls = Calls(session, elf, *watched).counts
        device = Linked(session, OPERATOR)
        device.start()
        for package in (FIX, OTHER):
            device.install(package)
            device.activate(package)
            assert sum(len(calls[name]) for name in flash) <= CALLS
            device.ask(64, 8, WRITE, **{"in": INPUT})
            device.confirm()
            for name in flash:
                calls[name].clear()
        session.power_cycle()
        device.start()
        assert len(calls["mcuedit_store_pick"]) == len(calls["mcuedit_context_latch"]) == 2
        swap = [sum(both) for both in zip(calls["mcuedit_store_pick"], calls["mcuedit_context_latch"], strict=True)]
        assert max(swap) <= SWAP
        blank, one = calls[OPEN]
        assert blank < 200_000
        assert 1_000_000 < one < 2_500_000  # one signature
        assert all(1_000_000 < count < 2_500_000 for count in calls["mcuedit_store_reactivate"])
