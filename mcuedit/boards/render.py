# SPDX-License-Identifier: Apache-2.0
"""Everything in a board's folder but its board.toml: Renode's platform, script and robot, and flash.sh."""

from __future__ import annotations

import re

from mcuedit._util import templates
from mcuedit._util.errors import McueditError
from mcuedit.boards.board import Board, Emulation

SHARED = ("firmware.resc", "server.resource")  # beside the boards' folders: what all of them use


def render(board: Board) -> dict[str, str]:
    """Files of the board, name -> text; of the platform only where Renode has none, or lacks something.

    Raises:
        McueditError: a platform of its own that needs what [emulator.renode] does not say.
    """
    files = {}
    scripted = (emulation for emulation in board.emulators.values() if emulation.uart)  # Renode's: no other names one
    if (emulation := next(scripted, None)) is not None:
        own = emulation.machine == f"{board.name}.repl"
        context = {
            "board": board,
            "emulation": emulation,
            "title": re.split("[,:]", board.description)[0],
            "uart": emulation.uart,
            "store": board.store,
            "platform": f"$ORIGIN/{emulation.machine}" if own else f"@{emulation.machine}",
        }
        kinds = {"resc": "board.resc.j2", "robot": "board.robot.j2"}
        if own:
            kinds["repl"] = _platform(board, emulation)
        files = {f"{board.name}.{kind}": templates.render(f"boards/{name}", context) for kind, name in kinds.items()}
    if board.flashing:
        files["flash.sh"] = templates.render("boards/flash.sh.j2", {})
    return files


def _platform(board: Board, emulation: Emulation) -> str:
    """The template of a platform of its own."""
    driver = board.geometry.driver if board.geometry else None
    if emulation.extends:
        if driver != "nrf" or board.store is None:
            what = f"no model of the controller of flash {driver!r} for Renode's {emulation.extends}"
            raise McueditError(f"board {board.name}: {what}", f"templates/boards/flash_{driver}.repl.j2 would be one")
        return "flash_nrf.repl.j2"
    if emulation.clock is None or board.uart_driver != "cmsdk":
        what = f"{emulation.machine} from the ground up takes `clock` and the UART driver cmsdk"
        raise McueditError(f"board {board.name}: {what}", "name one of Renode's platforms as [emulator.renode] machine")
    return "own.repl.j2"
