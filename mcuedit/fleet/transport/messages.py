# SPDX-License-Identifier: Apache-2.0
"""The messages of user group 64, and those of other groups where a device may refuse with an error of group 64."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field
from smp import image_management, message, os_management

from mcuedit.fleet.transport.refusals import GROUP, LOOSE, ImageV1, ImageV2, OsV1, OsV2, OwnV1, OwnV2

U32 = Annotated[int, Field(ge=0, lt=1 << 32)]
Name = Annotated[str, Field(max_length=32, pattern=r"^[ -~]*$")]  # it will stand on a terminal
Arms = Annotated[list[U32], Field(min_length=2, max_length=2)]


class _Refusable:
    _ErrorV1 = OwnV1
    _ErrorV2 = OwnV2


class _Change(message.WriteRequest, _Refusable):
    """Refused if the device's next device log record is not the one of sequence `log`."""

    log: int | None = None


class StatusResponse(message.ReadResponse):
    """The device as a whole; hashes and masks as SPEC.md gives them."""

    model_config = LOOSE
    _GROUP_ID, _COMMAND_ID = GROUP, 0
    base: Annotated[bytes, Field(min_length=8, max_length=32)]
    id: Name
    floor: U32
    slots: Annotated[int, Field(ge=1, le=16)]
    room: U32
    mask: Annotated[int, Field(ge=0, lt=1 << 16)]
    good: Annotated[int, Field(ge=0, lt=1 << 16)]
    trial: Annotated[int, Field(ge=0, lt=1 << 16)]
    boots: U32
    test: bool | None = None
    ab: Annotated[int, Field(ge=0, le=100)] = 100
    dev: bool
    log: U32
    head: Annotated[bytes, Field(min_length=8, max_length=8)]
    wear: U32
    damage: int = 0
    up: Annotated[list[U32], Field(min_length=2, max_length=2)] | None = None


class StatusRead(message.ReadRequest, _Refusable):
    """Asks for it."""

    _GROUP_ID, _COMMAND_ID = GROUP, 0
    _Response = StatusResponse


class SlotResponse(message.ReadResponse):
    """One slot; an empty one has no more than the first two."""

    model_config = LOOSE
    _GROUP_ID, _COMMAND_ID = GROUP, 0
    slot: Annotated[int, Field(ge=0, le=15)]
    state: Annotated[int, Field(ge=0, le=4)]
    name: Name = ""
    ver: Name = ""
    ctr: U32 = 0
    hash: Annotated[bytes, Field(max_length=32)] = b""
    size: U32 = 0
    key: Annotated[bytes, Field(max_length=32)] = b""


class SlotRead(message.ReadRequest, _Refusable):
    """Asks for it."""

    _GROUP_ID, _COMMAND_ID = GROUP, 0
    _Response = SlotResponse
    slot: int


class MaskResponse(message.WriteResponse):
    """The slots that are in force now."""

    model_config = LOOSE
    _GROUP_ID = GROUP
    mask: Annotated[int, Field(ge=0, lt=1 << 16)]


class ActivateResponse(MaskResponse):
    """Of activate."""

    _COMMAND_ID = 1


class ActivateWrite(_Change):
    """Starts the trial of a stack; mask 0 is the factory state."""

    _GROUP_ID, _COMMAND_ID = GROUP, 1
    _Response = ActivateResponse
    mask: int
    boots: int | None = None
    ab: int | None = None


class ConfirmResponse(MaskResponse):
    """Of confirm."""

    _COMMAND_ID = 2


class ConfirmWrite(_Change):
    """Makes the trial's stack the confirmed one."""

    _GROUP_ID, _COMMAND_ID = GROUP, 2
    _Response = ConfirmResponse


class RollbackResponse(MaskResponse):
    """Of rollback."""

    _COMMAND_ID = 3


class RollbackWrite(_Change):
    """Ends a trial, or returns to the stack confirmed before."""

    _GROUP_ID, _COMMAND_ID = GROUP, 3
    _Response = RollbackResponse


class ArmsResponse(message.ReadResponse):
    """Counters of the two arms: [confirmed stack, trial stack]."""

    model_config = LOOSE
    _GROUP_ID, _COMMAND_ID = GROUP, 4
    runs: Arms
    good: Arms
    bad: Arms


class ArmsRead(message.ReadRequest, _Refusable):
    """Asks for them."""

    _GROUP_ID, _COMMAND_ID = GROUP, 4
    _Response = ArmsResponse


class ArmsWriteResponse(message.WriteResponse):
    """Of an outcome."""

    _GROUP_ID, _COMMAND_ID = GROUP, 4


class ArmsWrite(message.WriteRequest, _Refusable):
    """Reports an outcome of an arm, good or bad."""

    _GROUP_ID, _COMMAND_ID = GROUP, 4
    _Response = ArmsWriteResponse
    arm: int
    good: bool


class LogResponse(message.ReadResponse):
    """Whole records of the device log, from sequence `at` on."""

    model_config = LOOSE
    _GROUP_ID, _COMMAND_ID = GROUP, 5
    first: U32
    next: U32
    at: U32
    before: Annotated[bytes, Field(min_length=8, max_length=8)] | None = None
    log: Annotated[bytes, Field(max_length=4096)]


class LogRead(message.ReadRequest, _Refusable):
    """Asks for them."""

    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True, validate_by_name=True)
    _GROUP_ID, _COMMAND_ID = GROUP, 5
    _Response = LogResponse
    start: int = Field(alias="from")


class SlotWriteResponse(message.WriteResponse):
    """The slot as it is now."""

    model_config = LOOSE
    _GROUP_ID, _COMMAND_ID = GROUP, 6
    slot: int
    state: Annotated[int, Field(ge=0, le=4)]


class SlotWrite(_Change):
    """Revokes or erases a slot."""

    _GROUP_ID, _COMMAND_ID = GROUP, 6
    _Response = SlotWriteResponse
    slot: int
    erase: bool


class RunResponse(message.WriteResponse):
    """What the device answers, and the arm that did."""

    model_config = LOOSE
    _GROUP_ID, _COMMAND_ID = GROUP, 8
    answer: U32
    label: Annotated[str, Field(max_length=255)] = ""
    arm: Annotated[int, Field(ge=0, le=1)] = 0


class RunWrite(message.WriteRequest, _Refusable):
    """One inference on a text or on the bytes of the input tensor."""

    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True, validate_by_name=True)
    _GROUP_ID, _COMMAND_ID = GROUP, 8
    _Response = RunResponse
    text: str | None = None
    tensor: bytes | None = Field(default=None, alias="in")
    who: str | None = None


class UploadResponse(message.WriteResponse):
    """The offset wanted next."""

    model_config = LOOSE
    _GROUP_ID, _COMMAND_ID = 1, 1
    off: U32
    match: bool | None = None


class UploadWrite(image_management.ImageUploadWriteRequest):
    """One chunk of a package."""

    _Response = UploadResponse
    _ErrorV1 = ImageV1
    _ErrorV2 = ImageV2


class ParametersRead(os_management.MCUMgrParametersReadRequest):
    """Asks for the size of the device's buffer."""

    _Response = os_management.MCUMgrParametersReadResponse
    _ErrorV1 = OsV1
    _ErrorV2 = OsV2


class ResetWrite(os_management.ResetWriteRequest):
    """Resets the device."""

    _Response = os_management.ResetWriteResponse
    _ErrorV1 = OsV1
    _ErrorV2 = OsV2
