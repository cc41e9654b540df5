# SPDX-License-Identifier: Apache-2.0
"""An SPI NOR flash beside a virtual board: no address of the core leads to it, only bytes that are shifted in and out.

Registers, words: 0 SELECT (1: the chip is selected), 4 DATA (write: shift a byte out; read: the byte that came in
meanwhile). Commands as every such part has them: 03 READ with 24 bits of address, 05 READ STATUS, whose bit 0 says that
it is busy.
"""

from __future__ import annotations

from typing import Any

from mcuedit.emulate.peripherals.registers import PAGE, Registers

ADDRESS = 0x40020000
_SELECT, _DATA = 0, 4
_READ, _STATUS = 0x03, 0x05
_OPEN = 0xFF  # what an unconnected line reads as


class SpiNor(Registers):
    """The part and the controller that it hangs on.

    Attributes:
        content: its bytes.
        reads: (offset, size) of each READ that has ended.
        busy: its status never gets ready.
        gone: nothing answers.
    """

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.content = content
        self.reads: list[tuple[int, int]] = []
        self.busy = self.gone = False
        self._sent: list[int] | None = None
        self._came = _OPEN

    def attach(self, session: Any) -> None:
        """Maps the registers into a session of unicorn."""
        session._core.mmio_map(
            ADDRESS,
            PAGE,
            lambda core, offset, size, data: self.read(offset),
            None,
            lambda core, offset, size, value, data: self.write(offset, value),
            None,
        )

    def read(self, offset: int) -> int:
        return self._came if offset == _DATA else super().read(offset)

    def write(self, offset: int, value: int) -> None:
        if offset == _DATA and self._sent is not None:
            self._came = _OPEN if self.gone else self._answer(self._sent)
            self._sent.append(value & 0xFF)
        elif offset == _SELECT:
            if self._sent and self._sent[0] == _READ:
                self.reads.append((self._address(self._sent), len(self._sent) - 4))
            self._sent = [] if value & 1 else None

    @staticmethod
    def _address(sent: list[int]) -> int:
        return int.from_bytes(bytes(sent[1:4]), "big")

    def _answer(self, sent: list[int]) -> int:
        """To the byte that follows those that were sent."""
        if sent[:1] == [_STATUS]:
            return int(self.busy)
        if sent[:1] == [_READ] and len(sent) >= 4 and not self.busy:
            at = self._address(sent) + len(sent) - 4
            return self.content[at] if at < len(self.content) else _OPEN
        return _OPEN
