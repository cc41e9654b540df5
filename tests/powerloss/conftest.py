# SPDX-License-Identifier: Apache-2.0
"""Figures of power cuts, told at the end."""

from __future__ import annotations

import pytest

FIGURES = "figures"


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> list[str]:
    """Lines for the end of the report."""
    lines: list[str] = []
    request.node.user_properties.append((FIGURES, lines))  # goes with the report from a worker to who prints
    return lines


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for report in terminalreporter.getreports("passed"):
        for line in dict(report.user_properties).get(FIGURES, []):
            terminalreporter.write_line(f"power cuts: {line}")
