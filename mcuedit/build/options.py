# SPDX-License-Identifier: Apache-2.0
"""How firmware is built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mcuedit._util.errors import McueditError

RUNTIMES = ("bare", "tflm")
TOOLCHAINS = ("auto", "gcc", "zig")
OPTIMIZATIONS = ("2", "s")


@dataclass(frozen=True)
class BuildOptions:
    """What is the same for every app of a build.

    Attributes:
        runtime: "bare", the base as C calls, or "tflm", the user's TensorFlow Lite Micro (mcuedit.build.external.tflm).
        toolchain: "gcc", "zig", or "auto" for the first of them that is installed.
        opt: "2" or "s", the compiler's -O.
        defines: NAME or NAME=VALUE.

    Raises:
        McueditError: no such runtime or optimization.
    """

    runtime: str = "bare"
    toolchain: str = "auto"
    opt: str = "2"
    defines: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.runtime not in RUNTIMES:
            raise McueditError(f"no runtime {self.runtime!r}", f"one of {', '.join(RUNTIMES)}")
        if self.opt not in OPTIMIZATIONS:
            raise McueditError(f"optimization {self.opt!r}", f"one of {', '.join(OPTIMIZATIONS)}")

    def defining(self, defines: Sequence[str]) -> BuildOptions:
        """The same with further macros."""
        return replace(self, defines=(*self.defines, *defines))


PLAIN = BuildOptions()
