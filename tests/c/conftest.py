# SPDX-License-Identifier: Apache-2.0
"""Bases in C, compiled once."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import tiny
from helpers.native import Native, sanitizing

from mcuedit.build import compilers
from mcuedit.model.bundle import Base
from mcuedit.model.tflite import parse

LABELS = ("ant", 'b"ee', "c\\at", "dé", "e?", "fly", "gnu")


@pytest.fixture(scope="session")
def net(tmp_path_factory: pytest.TempPathFactory) -> Native:
    """24-16-11-7 with SOFTMAX."""
    base = Base("net", parse(tiny.classifier((24, 16, 11, 7)), "net"), LABELS)
    return Native(base, tmp_path_factory.mktemp("net"))


@pytest.fixture
def compiler(tmp_path: Path) -> compilers.Compiler:
    """The host's compiler with sanitizers."""
    return sanitizing(tmp_path)
