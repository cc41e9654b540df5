# SPDX-License-Identifier: Apache-2.0
"""A transport is a module with a class and a line of the table: nothing else knows its name."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from helpers import packages

import mcuedit
from mcuedit._util.errors import McueditError
from mcuedit.fleet.transport import Device, parse, upload
from mcuedit.fleet.transport.wires import KINDS, Kind

TRANSPORT = Path(mcuedit.__file__).parent / "fleet" / "transport"


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The module `toy_transport` beside this one, and its line."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
    monkeypatch.setitem(KINDS, "toy", Kind("toy:NAME", r"(?P<host>\w+)", "toy_transport:Toy", port=1))


def test_its_line_is_enough_to_bring_a_package_to_a_device(toy: None) -> None:
    package = packages.package(counter=3)
    with Device("toy:pump", timeout=2.0, tries=3, sleep=lambda seconds: None) as device:
        assert list(upload(device, package))[-1] == len(package)
        (slot,) = [s for s in device.status().slots if s.state != "empty"]
        assert (slot.name, slot.counter, slot.state) == ("fix", 3, "staged")


def test_an_address_of_it_is_read_and_who_writes_another_is_told_of_it(toy: None) -> None:
    assert (parse("toy:pump").kind, parse("toy:pump").host) == ("toy", "pump")
    with pytest.raises(McueditError, match="no address of a device") as caught:
        parse("toys:pump")
    assert caught.value.hint.endswith("or toy:NAME")


def test_no_other_module_of_the_transport_names_a_kind() -> None:
    found = []
    for path in TRANSPORT.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and node.value in KINDS:
                found.append((path.name, node.value))
    assert found == []
