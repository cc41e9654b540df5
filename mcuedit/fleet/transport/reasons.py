# SPDX-License-Identifier: Apache-2.0
"""Why a device could not be asked, or said no; each reason is one word that scripts can go by."""

from __future__ import annotations

from functools import cache

from mcuedit._util.errors import McueditError
from mcuedit.fleet.transport import protocol

UNREACHABLE = "unreachable"  # nothing answers
GARBAGE = "garbage"  # something answers, but it is no SMP, or breaks its rules
BUSY = "busy"  # it asks to be asked again, and keeps doing so
SLOW = "slow"  # too little progress
FULL = "full"  # no slot for another package
REFUSED = "refused"  # the device says no, by the error in `Refused.name`
UNAUTHORIZED = "unauthorized"  # it obeys operators, and this one or this moment is none of them
IDENTITY = "identity"  # what answers does not prove to be the device that it was
OTHER_BASE = "other-base"  # the package is for another base than the device runs

_SMP = {
    1: ("EUNKNOWN", "unknown error"),
    2: ("ENOMEM", "not enough memory"),
    3: ("EINVAL", "an invalid value"),
    4: ("ETIMEOUT", "it timed out"),
    5: ("ENOENT", "no such entry"),
    6: ("EBADSTATE", "not in its present state"),
    7: ("EMSGSIZE", "the answer is too large"),
    8: ("ENOTSUP", "it knows no such command"),
    9: ("ECORRUPT", "corrupt"),
    10: ("EBUSY", "busy"),
    11: ("EACCESSDENIED", "access denied"),
}
_REASONS = {
    "E_AUTHORITY": UNAUTHORIZED,
    "E_BASE": OTHER_BASE,
    "E_BUSY": BUSY,
    "E_FULL": FULL,
    "E_STALE": UNAUTHORIZED,
    "EBUSY": BUSY,
}
_HINTS = {
    "E_AUTHORITY": "--operator-key KEY.pem (or MCUEDIT_OPERATOR_KEY) of an operator that the device was built with "
    "signs commands",
    "E_BASE": "'mcuedit status --to ADDR' names the device's base; train and pack for that one",
    "E_BUSY": "ask again; an upload that its sender has left gives way by itself",
    "E_COUNTER": "'mcuedit status --to ADDR' shows the minimum counter: pack with a counter a little above it; to go "
    "back to an older package that was confirmed there: 'mcuedit activate NAME --older COUNTER'",
    "E_FLASH": "its flash is worn out or write-protected",
    "E_FULL": "free a slot: 'mcuedit deactivate --to ADDR --slot N --erase'",
    "E_KEY": "sign with a key that the device knows, or build the device with this one",
    "E_NAME": "two adapters of one name cannot be active together: name the one to keep",
    "E_SELF_TEST": "the package's own self-test fails on this device: it was rolled back",
    "E_REVOKED": "this very package failed here before, or its signer's key is revoked, as 'mcuedit status --to ADDR' "
    "tells: pack a new version, by a key that is not",
    "E_SIGNATURE": "the package was changed after it was signed: pack it again",
    "E_STALE": "others keep the device busy: try again",
    "E_STATE": "'mcuedit status --to ADDR' shows its state",
    "E_WEAR": "--operator-key KEY.pem signs the upload, or restart the device",
}


class TransportError(McueditError):
    """A device could not be asked, or said no.

    Attributes:
        reason: one of the words above.
    """

    def __init__(self, reason: str, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.reason = reason


class Refused(TransportError):
    """The device said no.

    Attributes:
        name: of its error, such as E_COUNTER; of SMP's own errors, such as ENOTSUP.
    """

    def __init__(self, address: str, group: int | None, code: int) -> None:
        self.name, text = error_of(group, code)
        reason = _REASONS.get(self.name, REFUSED)
        hint = _HINTS.get(self.name, "'mcuedit status --to ADDR' shows its state").replace("ADDR", address)
        super().__init__(reason, f"{address}: refused: {self.name}: {text}", hint)


def error_of(group: int | None, code: int) -> tuple[str, str]:
    """Name and meaning of a device's error.

    Args:
        group: that of a version-2 error; None for a version-1 error, where the core's errors and SMP's share numbers
            and SMP's are meant.
    """
    known = core_errors() if group is not None and group >= protocol.group() else _SMP
    return known.get(code, (f"error {code}", f"of group {group}, which this mcuedit does not know"))


@cache
def core_errors() -> dict[int, tuple[str, str]]:
    """The core's errors as messages carry them: -value to name and meaning, from firmware/include/mcuedit/error.h."""
    return {-value: (name, meaning) for name, value, meaning in protocol.entries("error.h")}
