# SPDX-License-Identifier: Apache-2.0
"""What a signature of a command is over, and where it stands."""

from __future__ import annotations

import hmac
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import cbor2
import pytest
from helpers import packages
from smp import os_management

from mcuedit._util.errors import McueditError
from mcuedit.fleet.transport import authority, messages, other_groups
from mcuedit.fleet.transport.authority import Operator
from mcuedit.fleet.transport.authority.session import changes
from mcuedit.fleet.transport.authority.signing import WITHIN, Moment, digest, with_fields

MOMENT = Moment(bytes(range(32)), "pump-7", b"n" * 16)


def test_a_signature_is_over_device_moment_and_command() -> None:
    request = bytes(messages.ConfirmWrite(log=7))
    message = Operator(packages.key(9).key.sign).signed(request, MOMENT)
    head, body, signature = message[:8], message[8:-64], message[-64:]
    assert cbor2.loads(message[8:]) == {"log": 7, "auth": WITHIN.to_bytes(4, "little") + signature}
    assert int.from_bytes(head[2:4], "big") == len(message) - 8
    assert (head[0], head[4:6], head[7]) == (request[0], request[4:6], request[7])
    who = b"mcuC" + bytes(range(32)) + b"pump-7" + bytes(10) + b"n" * 16
    signed = sha256(who + bytes([2, 0, 64, 2]) + sha256(body).digest()).digest()
    packages.key(9).key.public_key().verify(signature, signed)


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


def test_keys_of_devices_make_macs(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    path.touch(0o600)
    path.write_text(f'[keys]\n"pump-7" = "{bytes(range(32)).hex()}"\n')
    keys = authority.load(path)
    message = keys.signed(bytes(messages.ConfirmWrite(log=7)), MOMENT)
    body, mac = message[8:-32], message[-32:]
    assert cbor2.loads(message[8:])["auth"] == WITHIN.to_bytes(4, "little") + mac
    assert mac == hmac.digest(bytes(range(32)), digest(MOMENT, message, body), "sha256")
    with pytest.raises(McueditError, match="no key of device 'pump-8'"):
        keys.signed(b"", replace(MOMENT, device="pump-8"))
    assert "000102" not in repr(keys)


@pytest.mark.parametrize(
    "text",
    ["", "keys = 1", "[keys]\na = 5", '[keys]\na = "00"', "[", '[keys]\na = "' + "zz" * 32 + '"', "a = " + "[" * 5000],
)
def test_what_is_no_file_of_keys(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys.toml"
    path.touch(0o600)
    path.write_text(text)
    with pytest.raises(McueditError) as found:
        authority.load(path)
    assert "[keys]" in found.value.hint


def test_keys_that_others_may_read_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    path.write_text("[keys]\n")
    path.chmod(0o644)
    with pytest.raises(McueditError, match="others may read"):
        authority.load(path)
