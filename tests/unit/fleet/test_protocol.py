# SPDX-License-Identifier: Apache-2.0
"""One header has the numbers and keys of the management protocol; the device's C and the host's messages follow it."""

from __future__ import annotations

import re
from typing import Any

import cbor2
import pytest
from pydantic import BaseModel

from mcuedit._util import resources
from mcuedit._util.errors import McueditError
from mcuedit.fleet import teaching
from mcuedit.fleet.transport import messages, protocol

OWN = [
    kind
    for module in (messages, teaching)
    for kind in vars(module).values()
    if isinstance(kind, type)
    and issubclass(kind, BaseModel)
    and kind.__module__ == module.__name__
    and getattr(kind, "_GROUP_ID", None) == protocol.group()
    and hasattr(kind, "_COMMAND_ID")
]
# Of commands, or parts of them, that the host does not ask for; and what it adds to requests of all kinds.
ON_DEVICE_ONLY = {"PROOF", "OUTPUT", "AUTH"}
NO_NAME = {"wanted": "class"}  # a word of Python's own


def c_of(*names: str) -> str:
    folder = resources.path("firmware") / "smp"
    return "\n".join((folder / (name if "." in name else f"{name}.c")).read_text("utf-8") for name in names)


def test_every_key_of_the_devices_c_is_the_headers() -> None:
    text = c_of("user", "image", "upload", "os", "message", "authority", "teach", "message.h")
    assert re.findall(r'(?:mcuedit_smp_put_\w+\(exchange, |\{)"', text) == []
    used = set(re.findall(r"MCUEDIT_SMP_KEY_(\w+)", text))
    assert used == {name.upper() for name in protocol.fields()}


def test_every_command_of_the_header_has_a_handler_and_no_other() -> None:
    handled = re.findall(r"\[(\w+)\] = \{\.", c_of("user", "image", "os"))
    assert sorted(handled) == sorted(f"MCUEDIT_SMP_COMMAND_{name}" for name in protocol.commands())


def test_every_request_that_is_written_has_a_class_that_a_policy_knows() -> None:
    """Class 0 is carried out by nobody; a command that is missing in the list does not compile."""
    text = c_of("user", "image", "os")
    written = set(re.findall(r"\[MCUEDIT_SMP_COMMAND_(\w+)\] = \{[^}]*\.write =", text))
    classes = dict(re.findall(r"\[MCUEDIT_SMP_COMMAND_(\w+)\] = MCUEDIT_ASKS_(\w+),", text))
    assert len(written) >= 12
    assert {name for name, asks in classes.items() if asks != "NOBODY"} == written
    assert set(classes.values()) == set(protocol.classes())
    assert list(protocol.classes().values()) == list(range(len(protocol.classes())))


def test_numbers_are_those_of_the_specification() -> None:
    commands = protocol.commands()
    own = {name: commands[name] for name in commands if not name.startswith(("OS_", "IMAGE_"))}
    assert list(own.values()) == list(range(len(own)))
    assert (protocol.group(), own["STATUS"], own["RUN"], commands["IMAGE_UPLOAD"]) == (64, 0, 8, 1)


def test_keys_of_the_hosts_messages_are_those_that_the_devices_c_has() -> None:
    known, used = {name.upper() for name in protocol.fields()}, set()
    for kind in OWN:
        fields = {n: f for n, f in kind.model_fields.items() if n not in {"header", "version", "sequence", "smp_data"}}
        named = {name: NO_NAME.get(name, name) for name in fields}
        assert {name: field.alias for name, field in fields.items()} == {n: protocol.key(k) for n, k in named.items()}
        used |= {name.upper() for name in named.values()}
    of_user = set(re.findall(r"MCUEDIT_SMP_KEY_(\w+)", c_of("user", "authority", "teach", "message.h")))
    assert used <= known
    assert used == of_user - ON_DEVICE_ONLY


def test_numbers_of_the_hosts_messages_are_those_of_the_header() -> None:
    asked = {kind._COMMAND_ID for kind in OWN}
    assert asked == {number for name, number in protocol.commands().items() if "_" not in name}


@pytest.mark.parametrize(
    ("request_", "body"),
    [
        (messages.ActivateWrite(mask=3, boots=2, share=50, log=7), {"mask": 3, "boots": 2, "ab": 50, "log": 7}),
        (messages.LogRead(start=4), {"from": 4}),
        (messages.RunWrite(tensor=b"12", who="me"), {"in": b"12", "who": "me"}),
        (messages.SlotWrite(slot=1, erase=True, log=2), {"slot": 1, "erase": True, "log": 2}),
    ],
)
def test_a_request_carries_the_keys_of_the_specification(request_: Any, body: dict[str, Any]) -> None:
    assert cbor2.loads(request_.BYTES[8:]) == body


def test_an_unknown_name_is_an_error_that_names_it() -> None:
    with pytest.raises(McueditError, match="no florr in"):
        protocol.key("florr")
    with pytest.raises(McueditError, match="no ACTVATE in"):
        protocol.command("ACTVATE")
