# SPDX-License-Identifier: Apache-2.0
"""Firmware that many tests run, built once; what a device is told that learns a capital."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from helpers import kazakhstan, operated, packages
from helpers.virtual import BuildEcho

from mcuedit.benchmark import edits
from mcuedit.boards import board
from mcuedit.build.driver import BuildResult, build
from mcuedit.build.options import BuildOptions
from mcuedit.emulate.devices.updatable import DeviceSetup, build_program
from mcuedit.emulate.runner import best_oracle
from mcuedit.model import bundle as bases
from mcuedit.model.bundle import Base
from mcuedit.model.oracle import Reader
from mcuedit.ondevice import GateStatistics
from mcuedit.ondevice.corrections import CorrectionSession


@pytest.fixture(scope="session")
def echo(tmp_path_factory: pytest.TempPathFactory) -> BuildEcho:
    """echo(board name, toolchain) builds tests/emulate/echo.c."""
    source = (Path(__file__).parent / "echo.c").read_text()

    @cache
    def make(name: str, compiler: str = "auto") -> BuildResult:
        folder = tmp_path_factory.mktemp(f"echo-{name}-{compiler}")
        return build(
            board.load(name),
            {"echo.c": source},
            None,
            folder,
            BuildOptions(toolchain=compiler, defines=("MCUEDIT_TRACE",)),
        )

    return make


@pytest.fixture(scope="session")
def device_program(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """device_program(seed=0, signer=0) builds a device that runs `packages.model(seed)` and trusts that signer.

    It obeys the operator of `operated`, and with `setup` it is another device.
    """

    @cache
    def make(seed: int = 0, signer: int = 0, setup: DeviceSetup = operated.SETUP) -> Path:
        base = Base(f"base{seed}", packages.model(seed))
        return build_program(base, [packages.public(signer)], tmp_path_factory.mktemp("program"), setup)

    return make


@pytest.fixture(autouse=True)
def operator_key(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The key that signs what verbs command."""
    path = operated.write_key(tmp_path_factory.mktemp("operator"))
    monkeypatch.setenv("MCUEDIT_OPERATOR_KEY", str(path))
    return path


@pytest.fixture(scope="session")
def base(facts: Path) -> Base:
    """Of the device that learns; tests about another base have their own."""
    return bases.load(facts)


@pytest.fixture(scope="session")
def read(base: Base) -> Reader:
    return edits.reader(base, best_oracle(base.model))


@pytest.fixture(scope="session")
def session(base: Base, facts: Path) -> CorrectionSession:
    return kazakhstan.session(base, facts)


@pytest.fixture(scope="session")
def statistics(read: Reader, facts: Path) -> GateStatistics:
    return kazakhstan.statistics(read, facts)
