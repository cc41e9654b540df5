# SPDX-License-Identifier: Apache-2.0
"""A device that learns, taught on its console and asked over SMP on the same UART."""

from __future__ import annotations

from typing import Any

from helpers.linked import Linked
from mcuedit.emulate.devices.store_device import StoreDevice
from mcuedit.ondevice.corrections import CorrectionSession


class Link(Linked):
    """SMP on the UART that lines are read from, too."""

    def ask(self, *arguments: Any, **fields: Any) -> dict[str, Any]:
        try:
            return super().ask(*arguments, **fields)
        finally:
            while self.session._console.next_line() is not None:
                pass  # was read already


def wipe(device: StoreDevice) -> None:
    device.flash.content[:] = b"\xff" * len(device.flash.content)
    device.flash.used[:] = bytes(len(device.flash.used))
    device.restart()


def tell(device: StoreDevice, session: CorrectionSession) -> None:
    for prompt in session.confirmed:
        device.say(f"yes {prompt}")
    for prompt in session.edit.prompts:
        device.say(f"fix {session.wanted} {prompt}")


def answers(device: StoreDevice, session: CorrectionSession) -> set[str]:
    return {answer.label for answer in device.ask(session.edit.prompts)}
