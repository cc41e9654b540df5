# SPDX-License-Identifier: Apache-2.0
"""Firmware with a store and SMP: a base that can be repaired where it runs (firmware/apps/common/updatable.h)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mcuedit._util.errors import McueditError
from mcuedit.adapter.delta import serving
from mcuedit.boards.board import Board
from mcuedit.build.driver import BuildResult, build, build_process
from mcuedit.build.linker import render
from mcuedit.build.options import PLAIN, BuildOptions
from mcuedit.codegen import TrainSetup
from mcuedit.emulate.devices.firmware import sources
from mcuedit.emulate.devices.learner import learning_sources
from mcuedit.model.bundle import Base
from mcuedit.ondevice import GateStatistics
from mcuedit.ondevice.sizes import gate_workspace
from mcuedit.package.keys import PublicKey, c_header
from mcuedit.package.revocation import Roots

IDENTITY, ROOTS = "MCUEDIT_IDENTITY", "MCUEDIT_ROOTS"
NO_ROOTS = Roots()
DEVELOPMENT, AUTHORITY = "MCUEDIT_STORE_DEVELOPMENT", "MCUEDIT_AUTHORITY"
CONSOLE = "DEVICE_CONSOLE=1"
_CHECKPOINT_HEADER, _SLOTS_LEFT = 32, 2
_ID = re.compile(r"[ !#-\[\]-~]{1,16}")  # what can stand between quotes in C


@dataclass(frozen=True)
class DeviceSetup:
    """What a device is made as.

    Attributes:
        device_id: what it calls itself, 1 to 16 ASCII characters.
        development: packages need no key; status says so.
        learns: it is taught over its UART, too: the app that learns.
        operators: whose commands it obeys; without any, everybody's, which only a device for development may.
        console: with operators: its console teaches it and reports outcomes, too, whoever reaches it.
        serve: ops without weights, by index, at which adapters may act, too.
        roots: who may revoke keys of packages; none: a stolen key stays trusted until the firmware is exchanged.
    """

    device_id: str = "device"
    development: bool = False
    learns: tuple[GateStatistics, TrainSetup] | None = None
    operators: tuple[PublicKey, ...] = ()
    console: bool = False
    serve: tuple[int, ...] = ()
    roots: Roots = NO_ROOTS

    def defines(self, keys: Sequence[PublicKey]) -> tuple[str, ...]:
        """Macros of its build.

        Raises:
            McueditError: it is to trust keys or to learn, and obeys everybody.
        """
        if (keys or self.learns) and not self.operators and not self.development:
            what = "packages need a key of this device, commands need none" if keys else "whoever reaches it teaches it"
            raise McueditError(
                what,
                "name an operator whose commands it obeys: 'mcuedit keygen -o operator.pem' makes a key, --operator "
                "operator.pub gives it; --development obeys everybody",
            )
        chosen = (
            (self.development, DEVELOPMENT),
            (bool(self.operators), AUTHORITY),
            (self.console, CONSOLE),
            (bool(self.roots), ROOTS),
        )
        return tuple(macro for on, macro in chosen if on)


FACTORY = DeviceSetup()


def device_sources(
    base: Base,
    keys: Sequence[PublicKey] = (),
    device_id: str = "device",
    operators: Sequence[PublicKey] = (),
    roots: Roots = NO_ROOTS,
) -> dict[str, str]:
    """What the apps `device` and `device_process` need beside firmware/.

    Args:
        keys: whose packages the device accepts; without any it activates none.
        device_id: what it calls itself, 1 to 16 ASCII characters. The host process is told another when it starts.
        operators: whose commands it obeys, if it is compiled with MCUEDIT_AUTHORITY.
        roots: who may revoke keys of packages, if it is compiled with MCUEDIT_ROOTS.

    Raises:
        McueditError: the model is not supported, a key is given twice, or the id is none.
    """
    if not _ID.fullmatch(device_id):
        raise McueditError(f"device id {device_id!r}", "1 to 16 ASCII characters, no quotes or backslashes")
    own = render("device.h.j2", id=device_id, zero_point=base.model.input.zero)
    files = {"device.h": own, "keys.h": c_header(keys, operators, roots.keys, roots.threshold)}
    return sources(base) | files


def build_device(
    base: Base,
    keys: Sequence[PublicKey],
    board: Board,
    folder: Path,
    setup: DeviceSetup = FACTORY,
    options: BuildOptions = PLAIN,
) -> BuildResult:
    """The app `device` for a board.

    Args:
        folder, options: as `mcuedit.build.driver.build`.

    Raises:
        McueditError: as `device_sources` and `mcuedit.build.driver.build`; the board has no place for a store, or for
            checkpoints beside it.
    """
    if board.store is None:
        raise McueditError(
            f"board {board.name} has no flash for a store", "its board.toml names no journal; take another board"
        )
    more, base = setup.defines(keys), replace(base, model=serving(base.model, (), setup.serve))
    files = device_sources(base, keys, setup.device_id, setup.operators, setup.roots)
    if setup.learns:
        _check_room(base, board, *setup.learns)
        files |= learning_sources(replace(base, name="base"), *setup.learns)
    app = "device_learning" if setup.learns else "device"
    return build(board, files, app, folder, options.defining(more))


def _check_room(base: Base, board: Board, statistics: GateStatistics, setup: TrainSetup) -> None:
    """Checkpoints take slots from the store (firmware/apps/device_learning)."""
    n_in = base.model.tensors[setup.tap_tensor(base)].size
    workspace = gate_workspace(n_in, setup.corrections, setup.replay, len(statistics.rows))
    slots = board.geometry.slots if board.geometry else None
    if slots is None:
        return
    taken = 2 * -(-(_CHECKPOINT_HEADER + workspace) // slots.size)
    if taken + _SLOTS_LEFT > slots.count:
        raise McueditError(
            f"board {board.name} has {slots.count} slots of {slots.size:,} bytes; checkpoints take {taken}, "
            f"and adapters {_SLOTS_LEFT} at least",
            "take a board with more or larger slots, or change [flash] in its board.toml",
        )


def build_program(base: Base, keys: Sequence[PublicKey], folder: Path, setup: DeviceSetup = FACTORY) -> Path:
    """The app `device_process` for this machine: one program, for any number of `DeviceProcess`.

    Args:
        setup: its id is of no meaning: each process is told its own.

    Raises:
        McueditError: as `build_device`.
    """
    defines = (*setup.defines(keys), *((IDENTITY,) if setup.operators else ()))
    base = replace(base, model=serving(base.model, (), setup.serve))
    files = device_sources(base, keys, operators=setup.operators, roots=setup.roots)
    return build_process(files, folder, defines=defines)
