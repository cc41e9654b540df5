# SPDX-License-Identifier: Apache-2.0
"""Models that many tests use."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from helpers import tiny
from hypothesis import settings

from mcuedit.model.tflite import Model, parse

settings.register_profile("busy", deadline=None)  # a machine may be busy
settings.load_profile("busy")

ROOT = Path(__file__).resolve().parents[1]
SHARED_MODELS = ROOT.parent / "shared" / "models"
FACTS = ROOT / "mcuedit" / "zoo" / "data" / "facts"


@pytest.fixture(scope="session")
def tiny_bytes() -> bytes:
    """A classifier 16-8-6 with SOFTMAX, as .tflite bytes."""
    return tiny.classifier()


@pytest.fixture(scope="session")
def tiny_model(tiny_bytes: bytes) -> Model:
    """The same, parsed."""
    return parse(tiny_bytes, "tiny")


@pytest.fixture
def tiny_path(tiny_bytes: bytes, tmp_path: Path) -> Path:
    """The same, as a file."""
    path = tmp_path / "tiny.tflite"
    path.write_bytes(tiny_bytes)
    return path


@pytest.fixture(scope="session")
def facts() -> Path:
    """The folder of the base `facts`, as committed."""
    return FACTS


@pytest.fixture(scope="session", params=["ad01_int8", "kws_ref_model"])
def shared_model(request: pytest.FixtureRequest) -> Path:
    """MLPerf Tiny models that lie beside the checkout where the project is developed."""
    path = SHARED_MODELS / f"{request.param}.tflite"
    if not path.is_file():
        pytest.skip(f"no {path.name} in ../shared/models")
    return path


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write tests/golden/expected anew")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many tests were skipped, by reason."""
    reports = terminalreporter.getreports("skipped")
    reasons = Counter(str(report.longrepr[2]).removeprefix("Skipped: ") for report in reports if report.longrepr)
    if reasons:
        terminalreporter.section(f"{len(reports)} skipped")
        for reason, count in reasons.most_common():
            terminalreporter.write_line(f"{count:5}  {reason}")
