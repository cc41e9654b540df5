# SPDX-License-Identifier: Apache-2.0
"""The power goes at every flash operation, in every way, twice: a valid set is active, no confirmed one is lost.

MCUEDIT_POWERLOSS=dense or =full cuts more often; by default it is a sample.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import sweep

EFFORT = os.environ.get("MCUEDIT_POWERLOSS", "sample")


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sweeping program, once."""
    return sweep.build(tmp_path_factory.mktemp("sweep"))


@pytest.fixture(scope="session")
def of_operators(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same for the store of a device that obeys operators."""
    return sweep.build(tmp_path_factory.mktemp("authority"), authority=True)


@pytest.mark.parametrize("geometry", ["stm32g0", "stm32h7"])
def test_power_cuts_where_operators_are_obeyed(of_operators: Path, geometry: str, figures: list[str]) -> None:
    line = sweep.sweep(of_operators, sweep.GEOMETRIES.index(geometry), EFFORT)
    figures.append(f"with authority, {line}")
    assert sweep.cuts(line) > 3000


@pytest.mark.parametrize("geometry", sweep.GEOMETRIES)
def test_power_cuts(program: Path, geometry: str, figures: list[str]) -> None:
    line = sweep.sweep(program, sweep.GEOMETRIES.index(geometry), EFFORT)
    figures.append(line)
    assert sweep.cuts(line) > 3000
