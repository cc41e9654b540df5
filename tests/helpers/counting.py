# SPDX-License-Identifier: Apache-2.0
"""Instructions of single functions of a firmware on unicorn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mcuedit.emulate.backends.image import address_of
from mcuedit.emulate.backends.unicorn import UnicornSession


class Calls:
    """Counts the instructions of every call of some functions, what they call included.

    Args:
        session: opened with `count=True`.

    Attributes:
        counts: by the name of the function, one number for each call that has ended.
    """

    def __init__(self, session: UnicornSession, elf: Path, *functions: str) -> None:
        self._session = session
        self.counts: dict[str, list[int]] = {name: [] for name in functions}
        for name in functions:
            self._watch(name, address_of(elf, name) & ~1)

    def _watch(self, name: str, entry: int) -> None:
        core, uc = self._session._core, self._session._unicorn
        open_calls: list[tuple[int, int]] = []  # where it returns to, what was counted before
        watched: set[int] = set()

        def enter(core: Any, address: int, size: int, data: Any) -> None:
            back = int(core.reg_read(uc.arm_const.UC_ARM_REG_LR)) & ~1
            open_calls.append((back, self._session._blocks.executed))
            if back not in watched:
                watched.add(back)
                core.hook_add(uc.UC_HOOK_CODE, leave, begin=back, end=back)

        def leave(core: Any, address: int, size: int, data: Any) -> None:
            if open_calls and open_calls[-1][0] == address:
                self.counts[name].append(self._session._blocks.executed - open_calls.pop()[1])

        core.hook_add(uc.UC_HOOK_CODE, enter, begin=entry, end=entry)
