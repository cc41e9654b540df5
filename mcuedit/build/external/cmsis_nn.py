# SPDX-License-Identifier: Apache-2.0
"""Arm's CMSIS-NN as the user has it: CMSIS_NN_ROOT, its source tree. Builds for boards then call its kernels."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from mcuedit._util.errors import McueditError

ROOT = "CMSIS_NN_ROOT"
SOURCE_FLAGS = ("-std=gnu11", "-w", "-fhosted")  # its warnings are its authors' affair; memcpy is to be inlined
_HEADER = Path("Include") / "arm_nnfunctions.h"
_FOLDERS = (
    "BasicMathFunctions",
    "ConvolutionFunctions",
    "FullyConnectedFunctions",
    "NNSupportFunctions",
    "PoolingFunctions",
    "SoftmaxFunctions",
    "TransposeFunctions",
)
_FILES = ("*s8*.c", "*q7*.c")


@dataclass(frozen=True)
class CmsisNN:
    """A source tree."""

    root: Path

    @property
    def sources(self) -> list[Path]:
        """All that firmware/kernels/cmsis_nn.c may need; the linker drops the rest."""
        return sorted(
            {path for folder in _FOLDERS for name in _FILES for path in (self.root / "Source" / folder).glob(name)}
        )

    @property
    def flags(self) -> tuple[str, ...]:
        """For every file of a build."""
        return ("-DMCUEDIT_CMSIS_NN", "-isystem", str(self.root / "Include"))

    def version(self) -> str:
        """Of its interface, as its header says."""
        text = (self.root / _HEADER).read_text(encoding="utf-8", errors="replace")
        found = re.search(r"Revision:\s*V\.?(\S+)", text)
        return found[1] if found else "unknown version"


def find() -> CmsisNN | None:
    """The tree that CMSIS_NN_ROOT names; None where it is not set.

    Raises:
        McueditError: there is no such tree.
    """
    given = os.environ.get(ROOT)
    if not given:
        return None
    root = Path(given).resolve()
    if not (root / _HEADER).is_file():
        raise McueditError(f"{ROOT}={given} has no {_HEADER.as_posix()}", "name the folder of CMSIS-NN, or unset it")
    return CmsisNN(root)
