# SPDX-License-Identifier: Apache-2.0
"""What a signature of a command is over, and where it stands."""

from __future__ import annotations

from hashlib import sha256

import cbor2
import pytest
from helpers import packages
from smp import os_management

from mcuedit.fleet.transport import messages, other_groups
from mcuedit.fleet.transport.authority import Operator
from mcuedit.fleet.transport.authority.session import changes
from mcuedit.fleet.transport.authority.signing import WITHIN, Moment, with_fields

MOMENT = Moment(bytes(range(32)), "pump-7", b"n" * 16)


def test_a_signature_is_over_device_moment_and_command() -> None:
    request = bytes(messages.ConfirmWrite(log=7))
    message = Operator(packages.key(9).key.sign).signed(request, MOMENT)
    head, body, signature = message[:8], message[8:-64], message[-64:]
    assert cbor2.loads(message[8:]) == {"log": 7, "auth": WITHIN.to_bytes(4, "little") + signature}
    assert int.from_bytes(head[2:4], "big") == len(message) - 8
    assert (head[0], head[4:6], head[7]) == (request[0], request[4:6], request[7])
    who = b"mcuC" + bytes(range(32)) + b"pump-7" + bytes(10) + b"n" * 16
    digest = sha256(who + bytes([2, 0, 64, 2]) + sha256(body).digest()).digest()
    packages.key(9).key.public_key().verify(signature, digest)


def test_fields_are_added_behind_the_others() -> None:
    request = bytes(messages.StatusRead())
    assert with_fields(request, {"pad": b"123"})[8:] == cbor2.dumps({"pad": b"123"})
    with pytest.raises(ValueError, match="map"):
        with_fields(request[:8] + b"\xbf\xff", {"pad": b""})


@pytest.mark.parametrize(
    ("request_", "signed"),
    [
        (messages.ActivateWrite(mask=1), True),
        (messages.ArmsWrite(arm=0, good=True), True),
        (messages.ArmsRead(), False),
        (messages.RunWrite(text="x"), False),
        (messages.AuthorityRead(), False),
        (os_management.EchoWriteRequest(d="x"), False),
        (other_groups.ResetWrite(), True),
        (other_groups.UploadWrite(off=0, data=b"1", len=2), True),
        (other_groups.UploadWrite(off=1, data=b"1"), False),
    ],
)
def test_what_changes_something_is_signed(request_: object, signed: bool) -> None:
    assert changes(request_) is signed
