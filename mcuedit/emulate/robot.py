# SPDX-License-Identifier: Apache-2.0
"""What boards/server.resource asserts: the server app for a board, and what it has to answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mcuedit._util import atomic, system
from mcuedit._util.errors import McueditError
from mcuedit._util.typing import Int8Array
from mcuedit.adapter.delta import Adapter
from mcuedit.boards.board import Board
from mcuedit.build.options import PLAIN, BuildOptions
from mcuedit.emulate.backends.oracle_device import OracleDevice
from mcuedit.emulate.devices.firmware import build_app
from mcuedit.emulate.runner import best_oracle
from mcuedit.model.bundle import Base

ELF, VECTORS = "server.elf", "vectors.py"

Dialogue = list[tuple[str, str]]


@dataclass(frozen=True)
class Dialogues:
    """Pairs of a command and its reply, by the oracle.

    Attributes:
        repaired: with all adapters, what they change.
        kept: with all adapters, what they leave as it was.
        swapped: both without them, with them, and without again.
    """

    repaired: Dialogue
    kept: Dialogue
    swapped: Dialogue


def dialogues(
    base: Base, adapters: Sequence[Adapter], prompts: Sequence[str] = (), inputs: Int8Array | None = None
) -> Dialogues:
    """What to say to the server app (SPEC.md, section 5), and what it has to answer.

    Raises:
        McueditError: the adapters change all of it, or nothing.
    """
    commands = [f"ask {prompt}" for prompt in prompts]
    commands += [f"run {row.tobytes().hex()}" for row in inputs] if inputs is not None else []
    device = OracleDevice(base, adapters, best_oracle(base.model))
    replies = []
    for on in (False, True):
        device.use([on] * len(adapters))
        answers = device.ask(prompts) if prompts else []
        said = [f"answer {answer.index} {_name(base, adapters, on, answer.index)}" for answer in answers]
        said += [f"out {row.tobytes().hex()}" for row in device.run(inputs)] if inputs is not None else []
        replies.append(said)
    without, replied = ([*zip(commands, said, strict=True)] for said in replies)
    changed = [i for i in range(len(commands)) if without[i] != replied[i]]
    same = [i for i in range(len(commands)) if without[i] == replied[i]]
    if not changed or not same:
        what = "the adapters change " + ("nothing" if not changed else "all") + f" of {len(commands)} replies"
        raise McueditError(what, "give --ask or --inputs for both: what is edited, and what must not change")
    use, drop = (f"use {(1 << len(adapters)) - 1:x}", "ok"), ("use 0", "ok")
    some = [*changed, same[0]]
    swapped = [drop, *(without[i] for i in some), use, *(replied[i] for i in some), drop, *(without[i] for i in some)]
    return Dialogues([use, *(replied[i] for i in changed)], [use, *(replied[i] for i in same)], swapped)


def write(
    base: Base,
    adapters: Sequence[Adapter],
    board: Board,
    folder: Path,
    found: Dialogues,
    options: BuildOptions = PLAIN,
) -> None:
    """Writes a folder with the ELF file and the variables of boards/<board>/<board>.robot.

    Args:
        found: of the base as the firmware computes it (`as_firmware`).

    Raises:
        McueditError: as `build_app` and `mcuedit._util.atomic.write_folder`.
    """
    atomic.require_free(folder, False)
    with system.folder() as build:
        elf = build_app("server", base, adapters, board, Path(build), options).elf.read_bytes()
    lines = [f"# What the server app has to answer on {board.name}, by mcuedit run --robot."]
    for name in ("repaired", "kept", "swapped"):
        pairs = "".join(f"    {[_as_bytes(text) for text in pair]!r},\n" for pair in getattr(found, name))
        lines.append(f"{name.upper()} = [\n{pairs}]")
    atomic.write_folder(folder, {ELF: elf, VECTORS: "\n".join(lines) + "\n"})


def _as_bytes(text: str) -> str:
    """A character for each byte of UTF-8: Renode's terminal tester knows no other."""
    return text.encode().decode("latin-1")


def _name(base: Base, adapters: Sequence[Adapter], on: bool, index: int) -> str:
    """What the device says for a class; nothing where it has no name."""
    for adapter in adapters if on else ():
        if index in adapter.labels:
            return adapter.labels[index]
    return base.labels[index] if base.labels and index < len(base.labels) else ""
