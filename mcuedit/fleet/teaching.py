# SPDX-License-Identifier: Apache-2.0
"""A device that learns, taught over its link: the requests, and one correction after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field
from smp import message

from mcuedit.fleet.transport import Device, Refused
from mcuedit.fleet.transport import messages as m
from mcuedit.fleet.transport.protocol import command, key
from mcuedit.fleet.transport.refusals import GROUP

SLICE = 2_000_000  # multiply-accumulates of one request: less than a second on a slow core


class TellResponse(message.WriteResponse):
    """Of what it was told."""

    model_config = m.RESPONSE
    _GROUP_ID, _COMMAND_ID = GROUP, command("TELL")


class TellWrite(message.WriteRequest, m.Refusable):
    """What a text is to be answered with, or that it was answered right."""

    _GROUP_ID, _COMMAND_ID = GROUP, command("TELL")
    _Response = TellResponse
    text: str
    wanted: Annotated[int | None, Field(alias=key("class"))] = None
    right: bool | None = None


class TrainingResponse(message.ReadResponse):
    """How many corrections a device was told, and how far its training has come."""

    model_config = m.RESPONSE
    _GROUP_ID, _COMMAND_ID = GROUP, command("TRAIN")
    fixes: m.U32
    step: m.U32


class TrainingRead(message.ReadRequest, m.Refusable):
    """Asks for it."""

    _GROUP_ID, _COMMAND_ID = GROUP, command("TRAIN")
    _Response = TrainingResponse


class TrainResponse(message.WriteResponse):
    """The same behind some training, and whether it is to go on."""

    model_config = m.RESPONSE
    _GROUP_ID, _COMMAND_ID = GROUP, command("TRAIN")
    fixes: m.U32
    step: m.U32
    more: bool


class TrainWrite(message.WriteRequest, m.Refusable):
    """Trains for about so many multiply-accumulates."""

    _GROUP_ID, _COMMAND_ID = GROUP, command("TRAIN")
    _Response = TrainResponse
    macs: int


class AdoptResponse(m.MaskResponse):
    """Of adopting."""

    _COMMAND_ID = command("ADOPT")


class AdoptWrite(m.Change):
    """What was trained goes on trial."""

    _GROUP_ID, _COMMAND_ID = GROUP, command("ADOPT")
    _Response = AdoptResponse
    name: str | None = None


class ForgetResponse(message.WriteResponse):
    """Of forgetting."""

    model_config = m.RESPONSE
    _GROUP_ID, _COMMAND_ID = GROUP, command("FORGET")


class ForgetWrite(message.WriteRequest, m.Refusable):
    """What the device was told is forgotten."""

    _GROUP_ID, _COMMAND_ID = GROUP, command("FORGET")
    _Response = ForgetResponse


def learn(device: Device, wordings: Sequence[str], wanted: int, confirmed: Sequence[str], name: str = "") -> int:
    """Has a device learn one correction, which is on trial then; returns the slots that are in force.

    What it was told before is forgotten first, and what it could not learn afterwards.

    Args:
        wanted: the class that `wordings` are to get, and `name` what a spare one is called.
        confirmed: what it answers right.

    Raises:
        Refused: it does not learn it; what was in force stays so.
        TransportError: as the methods of `Device`.
    """
    device.ask(lambda: ForgetWrite())
    try:
        for text in confirmed:
            device.ask(lambda text=text: TellWrite(text=text, right=True))  # type: ignore[misc]
        for text in wordings:
            device.change(lambda _, text=text: TellWrite(text=text, wanted=wanted), TrainingRead, "fixes")  # type: ignore[misc]
        while device.ask(lambda: TrainWrite(macs=SLICE)).more:
            pass
        return int(device.change(lambda log: AdoptWrite(log=log, name=name or None)).mask)
    except Refused:
        device.ask(lambda: ForgetWrite())
        raise
