# SPDX-License-Identifier: Apache-2.0
"""Pages that the site makes of commands and headers."""

from __future__ import annotations

import importlib.util
import re
from types import ModuleType

import click
import pytest
from conftest import ROOT


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    pytest.importorskip("mkdocs", reason="mkdocs is not installed: pip install '.[docs]'")
    spec = importlib.util.spec_from_file_location("hooks", ROOT / "docs" / "hooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_conditions_of_headers_are_shown_whole(hooks: ModuleType) -> None:
    page = hooks.c()
    for block in re.findall(r"^## (.*?)(?=^## |\Z)", page, re.M | re.S):
        begun, ended = (re.findall(rf"^ *# *{word}", block, re.M) for word in ("if", "endif"))
        assert len(begun) == len(ended), block.splitlines()[0]
    assert 'extern "C"' not in page
    assert '#include "mcuedit_user_config.h"' in page


def test_options_are_shown_as_they_are_typed(hooks: ModuleType) -> None:
    verb = click.Command("verb", params=[click.Option(["--how"], type=click.Choice(["a", "b"]), help="0<=x|y")])
    page = "\n".join(hooks.of_command(verb, click.Context(click.Command("mcuedit")), "verb", "##"))
    assert "| <code>--how \\[a&#124;b]</code> | 0&lt;=x&#124;y |" in page
