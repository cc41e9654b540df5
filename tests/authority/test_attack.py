# SPDX-License-Identifier: Apache-2.0
"""Nothing that nobody authorized is carried out: a sample of tests/authority/attack.py, which runs 100,000."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from helpers.virtual import needs_gcc

sys.path.insert(0, str(Path(__file__).parent))
import attack


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("process", 10_000),
        pytest.param("virt-m4", 2000, marks=needs_gcc),
        pytest.param("process", 100_000, marks=pytest.mark.slow),
    ],
)
def test_commands_without_authority_are_refused(
    name: str, count: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = attack.attack(name, count, tmp_path, seed=count)
    with capsys.disabled():
        print(f"\nauthority: {attack.told(name, found)}")
    assert found.accepted.total() == 0, found.accepted
    assert found.tried.total() == count
    assert min(found.tried.values()) == count // 8
