# SPDX-License-Identifier: Apache-2.0
"""Limits of the house: rooms, modules of a folder, parameters of a function."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import mcuedit

PACKAGE = Path(mcuedit.__file__).parent
ROOMS = (
    "api", "cli", "emulate", "build", "codegen", "conformance", "model", "zoo",
    "_util", "package", "fleet", "boards", "edits",
    "training", "privacy", "evaluation", "benchmark", "adapter", "federated", "ondevice",
)  # fmt: skip
MODULES, PARAMETERS, TOP = 14, 6, 20


def test_no_more_rooms_than_a_reader_can_take_in() -> None:
    rooms = [path.parent.name for path in PACKAGE.glob("*/__init__.py")]
    assert len(rooms) <= TOP, sorted(rooms)


def test_no_folder_has_more_modules_than_a_reader_can_take_in() -> None:
    folders = [path for room in ROOMS for path in (PACKAGE / room, *(PACKAGE / room).rglob("*")) if path.is_dir()]
    counts = {str(path.relative_to(PACKAGE)): len(list(path.glob("*.py"))) for path in folders}
    assert {name: n for name, n in counts.items() if n > MODULES} == {}


@pytest.mark.parametrize("room", ROOMS)
def test_no_function_takes_more_parameters_than_a_reader_can_keep_apart(room: str) -> None:
    found = []
    for path in sorted((PACKAGE / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef):
                names = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
                if len([name for name in names if name not in ("self", "cls")]) > PARAMETERS:
                    found.append(f"{path.relative_to(PACKAGE)}:{node.lineno} {node.name}")
    assert found == []
