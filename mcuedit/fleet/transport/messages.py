# SPDX-License-Identifier: Apache-2.0
"""The messages of mcuedit's own group.

Numbers of commands and keys are those of firmware/include/mcuedit/smp_protocol.h: the field `minimum_counter` stands in
a message by the key MCUEDIT_SMP_KEY_MINIMUM_COUNTER.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field
from smp import message

from mcuedit.fleet.transport.protocol import command, fields
from mcuedit.fleet.transport.refusals import GROUP, OwnV1, OwnV2

U32 = Annotated[int, Field(ge=0, lt=1 << 32)]
Name = Annotated[str, Field(max_length=32, pattern=r"^[ -~]*$")]  # it will stand on a terminal
Pair = Annotated[list[U32], Field(min_length=2, max_length=2)]


def _key(field: str) -> str:
    """Of a field; those of the library's own classes, which are in no map, keep their names."""
    return fields().get(field, field)


_KEYED = ConfigDict(frozen=True, alias_generator=_key, validate_by_name=True, serialize_by_alias=True)
REQUEST = ConfigDict(extra="forbid", **_KEYED)
RESPONSE = ConfigDict(extra="ignore", **_KEYED)  # a newer device may say more


class Refusable:
    model_config = REQUEST
    _ErrorV1 = OwnV1
    _ErrorV2 = OwnV2


class Change(message.WriteRequest, Refusable):
    """Refused if the device's next device log record is not the one of sequence `log`."""

    log: int | None = None


class StatusResponse(message.ReadResponse):
    """The device as a whole; hashes and masks as SPEC.md gives them."""

    model_config = RESPONSE
    _GROUP_ID, _COMMAND_ID = GROUP, command("STATUS")
    base: Annotated[bytes, Field(min_length=8, max_length=32)]
    id: Name
    minimum_counter: U32
    slots: Annotated[int, Field(ge=1, le=16)]
    slot_size: U32
    mask: Annotated[int, Field(ge=0, lt=1 << 16)]
    good: Annotated[int, Field(ge=0, lt=1 << 16)]
    trial: Annotated[int, Field(ge=0, lt=1 << 16)]
    boots: U32
    in_trial: bool | None = None
    share: Annotated[int, Field(ge=0, le=100)] = 100
    development: bool
    log: U32
    head: Annotated[bytes, Field(min_length=8, max_length=8)]
    erases: U32
    open_erases: U32 | None = None
    damage: int = 0
    upload: Pair | None = None
    revocation: U32 | None = None
    revoked: Annotated[bytes, Field(max_length=56)] = b""


class StatusRead(message.ReadRequest, Refusable):
    """Asks for it."""

    _GROUP_ID, _COMMAND_ID = GROUP, command("STATUS")
    _Response = StatusResponse


class SlotResponse(message.ReadResponse):
    """One slot; an empty one has no more than the first two."""

    model_config = RESPONSE
    _GROUP_ID, _COMMAND_ID = GROUP, command("STATUS")
    slot: Annotated[int, Field(ge=0, le=15)]
    state: Annotated[int, Field(ge=0, le=4)]
    name: Name = ""
    package_version: Name = ""
    counter: U32 = 0
    hash: Annotated[bytes, Field(max_length=32)] = b""
    size: U32 = 0
    learned: bool = False
    key: Annotated[bytes, Field(max_length=32)] = b""


class SlotRead(message.ReadRequest, Refusable):
    """Asks for it."""

    _GROUP_ID, _COMMAND_ID = GROUP, command("STATUS")
    _Response = SlotResponse
    slot: int


class MaskResponse(message.WriteResponse):
    """The slots that are in force now."""

    model_config = RESPONSE
    _GROUP_ID = GROUP
    mask: Annotated[int, Field(ge=0, lt=1 << 16)]


class ActivateResponse(MaskResponse):
    """Of activate."""

    _COMMAND_ID = command("ACTIVATE")


class ActivateWrite(Change):
    """Starts the trial of a set; mask 0 is the factory state."""

    _GROUP_ID, _COMMAND_ID = GROUP, command("ACTIVATE")
    _Response = ActivateResponse
    mask: int
    boots: int | None = None
    share: int | None = None


class ReactivateResponse(MaskResponse):
    """Of reactivate."""

    _COMMAND_ID = command("AUTHORITY")


class ReactivateWrite(Change):
    """Starts the trial of a set that may have packages of an earlier time, down to a counter."""

    _GROUP_ID, _COMMAND_ID = GROUP, command("AUTHORITY")
    _Response = ReactivateResponse
    mask: int
    boots: int | None = None
    share: int | None = None
    counter: int


class ConfirmResponse(MaskResponse):
    """Of confirm."""

    _COMMAND_ID = command("CONFIRM")


class ConfirmWrite(Change):
    """Makes the trial's set the confirmed one."""

    _GROUP_ID, _COMMAND_ID = GROUP, command("CONFIRM")
    _Response = ConfirmResponse


class RollbackResponse(MaskResponse):
    """Of rollback."""

    _COMMAND_ID = command("ROLLBACK")


class RollbackWrite(Change):
    """Ends a trial, or returns to the set confirmed before."""

    _GROUP_ID, _COMMAND_ID = GROUP, command("ROLLBACK")
    _Response = RollbackResponse


class ArmsResponse(message.ReadResponse):
    """Counters of the two arms: [confirmed set, trial]."""

    model_config = RESPONSE
    _GROUP_ID, _COMMAND_ID = GROUP, command("ARMS")
    runs: Pair
    good: Pair
    bad: Pair


class ArmsRead(message.ReadRequest, Refusable):
    """Asks for them."""

    _GROUP_ID, _COMMAND_ID = GROUP, command("ARMS")
    _Response = ArmsResponse


class ArmsWriteResponse(message.WriteResponse):
    """Of an outcome."""

    _GROUP_ID, _COMMAND_ID = GROUP, command("ARMS")


class ArmsWrite(message.WriteRequest, Refusable):
    """Reports an outcome of an arm, good or bad."""

    _GROUP_ID, _COMMAND_ID = GROUP, command("ARMS")
    _Response = ArmsWriteResponse
    arm: int
    good: bool


class LogResponse(message.ReadResponse):
    """Whole records of the device log, from sequence `at` on."""

    model_config = RESPONSE
    _GROUP_ID, _COMMAND_ID = GROUP, command("LOG")
    first: U32
    next: U32
    at: U32
    before: Annotated[bytes, Field(min_length=8, max_length=8)] | None = None
    log: Annotated[bytes, Field(max_length=4096)]


class LogRead(message.ReadRequest, Refusable):
    """Asks for them."""

    _GROUP_ID, _COMMAND_ID = GROUP, command("LOG")
    _Response = LogResponse
    start: int


class SlotWriteResponse(message.WriteResponse):
    """The slot as it is now."""

    model_config = RESPONSE
    _GROUP_ID, _COMMAND_ID = GROUP, command("SLOT")
    slot: int
    state: Annotated[int, Field(ge=0, le=4)]


class SlotWrite(Change):
    """Revokes or erases a slot."""

    _GROUP_ID, _COMMAND_ID = GROUP, command("SLOT")
    _Response = SlotWriteResponse
    slot: int
    erase: bool


class RunResponse(message.WriteResponse):
    """What the device answers, and the arm that did."""

    model_config = RESPONSE
    _GROUP_ID, _COMMAND_ID = GROUP, command("RUN")
    answer: U32
    label: Annotated[str, Field(max_length=255)] = ""
    arm: Annotated[int, Field(ge=0, le=1)] = 0


class RunWrite(message.WriteRequest, Refusable):
    """One inference on a text or on the bytes of the input tensor."""

    _GROUP_ID, _COMMAND_ID = GROUP, command("RUN")
    _Response = RunResponse
    text: str | None = None
    tensor: bytes | None = None
    who: str | None = None


class AuthorityResponse(message.ReadResponse):
    """What a signature is over beside the command, and bits of the classes that need one."""

    model_config = RESPONSE
    _GROUP_ID, _COMMAND_ID = GROUP, command("AUTHORITY")
    base: Annotated[bytes, Field(min_length=8, max_length=32)]
    id: Name
    nonce: Annotated[bytes, Field(min_length=16, max_length=16)]
    signed: U32


class IdentityResponse(message.ReadResponse):
    """Who the device is, and the public key of its proofs; none where they are by a key that is shared."""

    model_config = RESPONSE
    _GROUP_ID, _COMMAND_ID = GROUP, command("IDENTITY")
    base: Annotated[bytes, Field(min_length=8, max_length=32)]
    id: Name
    key: Annotated[bytes, Field(min_length=32, max_length=32)] | None = None


class IdentityRead(message.ReadRequest, Refusable):
    """Asks for it."""

    _GROUP_ID, _COMMAND_ID = GROUP, command("IDENTITY")
    _Response = IdentityResponse


class RevokeResponse(message.WriteResponse):
    """The version of the list that is in force now."""

    model_config = RESPONSE
    _GROUP_ID, _COMMAND_ID = GROUP, command("REVOKE")
    revocation: U32


class RevokeWrite(message.WriteRequest, Refusable):
    """Brings a list of revoked keys."""

    _GROUP_ID, _COMMAND_ID = GROUP, command("REVOKE")
    _Response = RevokeResponse
    keys: bytes


class AuthorityRead(message.ReadRequest, Refusable):
    """Asks for it."""

    _GROUP_ID, _COMMAND_ID = GROUP, command("AUTHORITY")
    _Response = AuthorityResponse
