# SPDX-License-Identifier: Apache-2.0
"""The harnesses of the device's parsers, some thousand executions each; `make fuzz` gives them a minute."""

from __future__ import annotations

import pytest
from helpers.fuzzing import TARGETS, Fuzzers, why_not

pytestmark = pytest.mark.skipif(bool(why_not()), reason=f"no libFuzzer: {why_not()}")

RUNS = {"package": 20_000, "adapter": 20_000, "journal": 400, "smp": 1_000, "authority": 1_000}
EDGES = {
    "package": 250,
    "adapter": 200,
    "journal": 350,
    "smp": 500,
    "authority": 500,
}  # fewer: the seeds are refused at the door


@pytest.fixture(scope="module")
def fuzzers(tmp_path_factory: pytest.TempPathFactory) -> Fuzzers:
    return Fuzzers(tmp_path_factory.mktemp("fuzz"))


@pytest.mark.parametrize("target", TARGETS)
def test_no_finding(fuzzers: Fuzzers, target: str) -> None:
    outcome = fuzzers.run(target, f"-runs={RUNS[target]}")
    assert outcome.ok, outcome.said
    assert outcome.executions >= RUNS[target]
    assert outcome.covered >= EDGES[target]
