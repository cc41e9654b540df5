# SPDX-License-Identifier: Apache-2.0
"""tests/README.md names tests that are there, and every room has a place in it."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
TEXT = (TESTS / "README.md").read_text(encoding="utf-8")
NAMED = [name for name in re.findall(r"`([\w/.]+)`", TEXT.partition("| --- |")[2]) if "/" in name]


def test_every_test_that_is_named_is_there():
    assert len(NAMED) > 40
    assert [name for name in NAMED if not (TESTS / name).exists()] == []


def test_every_room_is_named():
    rooms = [folder.name for folder in (TESTS / "unit").iterdir() if any(folder.glob("test_*.py"))]
    assert [room for room in rooms if f"unit/{room}/" not in NAMED] == []
