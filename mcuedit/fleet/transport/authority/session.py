# SPDX-License-Identifier: Apache-2.0
"""The requests to one device, signed where it may want that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from smp.header import OP, GroupId

from mcuedit.fleet.transport import messages as m
from mcuedit.fleet.transport.authority.device_keys import DeviceKeys
from mcuedit.fleet.transport.authority.operators import Operator
from mcuedit.fleet.transport.authority.signing import Moment
from mcuedit.fleet.transport.protocol import command
from mcuedit.fleet.transport.reasons import UNAUTHORIZED, Refused
from mcuedit.fleet.transport.refusals import GROUP

_UNKNOWN = "ENOTSUP"
# What is written and changes nothing, and what belongs to an upload whose first chunk was signed.
_HARMLESS = {(GROUP, command("RUN")), (GroupId.OS_MANAGEMENT, command("OS_ECHO"))}
_CHUNK = (GroupId.IMAGE_MANAGEMENT, command("IMAGE_UPLOAD"))


class Signing:
    """Signs for an operator, each time with the nonce of the moment.

    Args:
        operator: None: nothing is signed.
        read: asks the device something that needs no signature.
    """

    ROOM = 96  # bytes that a signature and what belongs to it may take of a request

    def __init__(self, operator: Operator | DeviceKeys | None, read: Callable[[Any], Any]) -> None:
        self._operator, self._read = operator, read
        self._all = False  # the device has refused one that changes nothing
        self._signed = False  # the last one

    @property
    def on(self) -> bool:
        """Whether there is an operator, and the device wants to know."""
        return self._operator is not None

    def begin(self) -> None:
        """Asks once before a request is made of what the device has now: the device may note that down in its log."""
        self._moment()

    def seal(self, request: Any, data: bytes) -> tuple[bytes, bool]:
        """A request's bytes, `data`, and whether they are signed: for one moment, hence never to be sent again."""
        wanted = changes(request) or (self._all and not isinstance(request, m.AuthorityRead))
        moment = self._moment() if wanted else None
        self._signed = moment is not None
        if self._operator is None or moment is None:
            return data, False
        return self._operator.signed(data, moment), True

    def again(self, refused: Refused) -> bool:
        """Whether a signature, or another one, may be accepted: the moment may have passed."""
        if refused.reason != UNAUTHORIZED or self._operator is None:
            return False
        self._all = self._all or not self._signed
        return True

    def _moment(self) -> Moment | None:
        """None: there is nobody to sign, or the device obeys everybody."""
        if self._operator is None:
            return None
        try:
            told = self._read(m.AuthorityRead())
        except Refused as found:
            if found.name != _UNKNOWN:
                raise
            self._operator = None
            return None
        return Moment(told.base, told.id, told.nonce)


def changes(request: Any) -> bool:
    """Whether a request changes something on a device."""
    header = request.header
    kind = (header.group_id, header.command_id)
    if header.op != OP.WRITE or kind in _HARMLESS:
        return False
    return kind != _CHUNK or request.off == 0
