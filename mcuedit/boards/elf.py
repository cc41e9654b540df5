# SPDX-License-Identifier: Apache-2.0
"""Which processor an ELF file is for, by its header and by the Arm attributes that linkers leave in it."""

from __future__ import annotations

import io

from elftools.common.exceptions import ELFError
from elftools.construct import ConstructError
from elftools.elf.elffile import ELFFile

from mcuedit._util.errors import McueditError
from mcuedit.boards.board import Board

MAGIC = b"\x7fELF"
_NAMES = {"EM_X86_64": "x86-64", "EM_386": "x86", "EM_AARCH64": "AArch64", "EM_RISCV": "RISC-V", "EM_ARM": "Arm"}
# Tag_CPU_arch (Addenda to the ABI for the Arm Architecture), and what each core executes; 10 is Armv7, here with
# profile M.
_ARCHITECTURES = {11: "Armv6-M", 12: "Armv6S-M", 10: "Armv7-M", 13: "Armv7E-M"}
_ARCHITECTURES |= {16: "Armv8-M baseline", 17: "Armv8-M mainline", 21: "Armv8.1-M mainline"}
_EXECUTES = {
    "cortex-m0": (11, 12),
    "cortex-m0plus": (11, 12),
    "cortex-m3": (11, 12, 10),
    "cortex-m4": (11, 12, 10, 13),
    "cortex-m7": (11, 12, 10, 13),
    "cortex-m23": (11, 12, 16),
    "cortex-m33": (11, 12, 10, 13, 16, 17),
    "cortex-m55": (11, 12, 10, 13, 16, 17, 21),
    "cortex-m85": (11, 12, 10, 13, 16, 17, 21),
}
_FPV5 = (7, 8)  # Tag_FP_arch; 5 and 6 are FPv4
_SINGLE_ONLY = 1  # Tag_ABI_HardFP_use


def made_for(data: bytes) -> str:
    """The processor of an ELF file; "" if it is no ELF file."""
    if data[:4] != MAGIC:
        return ""
    try:
        file = ELFFile(io.BytesIO(data))
    except (ELFError, ConstructError, ValueError, OverflowError, UnicodeDecodeError):
        return "an unknown processor"
    return _processor(file)


def require_core(file: ELFFile, board: Board, name: str) -> None:
    """Checks that a board's core executes it, as far as the file tells.

    Raises:
        McueditError: it is for another architecture, core or FPU.
    """
    wrong = _processor(file) if file["e_machine"] != "EM_ARM" else _beyond(_attributes(file), board)
    if wrong:
        fpu = "" if board.fpu == "none" else f" with {board.fpu}"
        raise McueditError(
            f"{name}: made for {wrong}, board {board.name} has a {board.cpu}{fpu}",
            f"build it for this board: {' '.join(board.gcc)}",
        )


def _processor(file: ELFFile) -> str:
    machine = str(file["e_machine"])
    return _NAMES.get(machine, machine.removeprefix("EM_"))


def _attributes(file: ELFFile) -> dict[str, int]:
    """The numbers among the Arm attributes; a linker may leave none."""
    try:
        section = file.get_section_by_name(".ARM.attributes")
        parts = (
            [part for whole in section.iter_subsections() for part in whole.iter_subsubsections()] if section else []
        )
        return {a.tag: a.value for part in parts for a in part.iter_attributes() if isinstance(a.value, int)}
    except (ELFError, ConstructError, ValueError, OverflowError, KeyError, AttributeError):
        return {}


def _beyond(attributes: dict[str, int], board: Board) -> str:
    """What of a file the board's core does not have."""
    architecture, profile = attributes.get("TAG_CPU_ARCH"), attributes.get("TAG_CPU_ARCH_PROFILE", ord("M"))
    executes = _EXECUTES.get(board.cpu)
    if architecture is None or executes is None:
        return ""
    if profile not in (0, ord("M")):
        return f"an Arm of profile {chr(profile)}"
    if architecture not in executes:
        return _ARCHITECTURES.get(architecture, f"another Arm (Tag_CPU_arch {architecture})")
    fpu = attributes.get("TAG_FP_ARCH", 0)
    if fpu and board.fpu == "none":
        return "a core with an FPU"
    if fpu in _FPV5 and board.fpu.startswith("fpv4"):
        return "FPv5"
    if fpu and "-sp-" in board.fpu and attributes.get("TAG_ABI_HARDFP_USE", 0) != _SINGLE_ONLY:
        return "an FPU with double precision"
    return ""
