# SPDX-License-Identifier: Apache-2.0
"""Training methods by name. A method is a module with a dataclass `Config(Options)` and `fit(problem, config)`.

To add one, write its module and give it a line in `_MODULES`. It is imported when it is first asked for.
"""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import Any, Protocol, cast

from mcuedit._util.errors import McueditError
from mcuedit.training.edited import Edited
from mcuedit.training.options import Options
from mcuedit.training.problem import Problem

_MODULES = {
    "text": "mcuedit.training.methods.text",
    "tensors": "mcuedit.training.methods.tensors",
    "merged": "mcuedit.training.methods.merged",
    "private": "mcuedit.training.methods.private",
}


class Method(Protocol):
    """What the module of a method has.

    Attributes:
        Config: a dataclass on top of Options; every field has a default.
    """

    Config: type[Options]

    def fit(self, problem: Problem, config: Any) -> Edited:
        """Trains. Raises McueditError where the problem is none for this method."""


def names() -> tuple[str, ...]:
    """Of all methods."""
    return tuple(_MODULES)


def register(name: str, module: str) -> None:
    """Makes a method of others known.

    Raises:
        McueditError: the name is taken.
    """
    if name in _MODULES:
        raise McueditError(f"training method {name!r} is there already", "choose another name")
    _MODULES[name] = module


def load(name: str) -> Method:
    """The module of a method.

    Raises:
        McueditError: there is no such method.
    """
    if name not in _MODULES:
        raise McueditError(f"no training method {name!r}", f"there are: {', '.join(_MODULES)}")
    return cast(Method, import_module(_MODULES[name]))


def fit(method: str, problem: Problem, config: Options | None = None) -> Edited:
    """Trains by a method.

    Args:
        config: the method's own, or Options, which leave the rest of it at its defaults; None: all defaults.

    Raises:
        McueditError: there is no such method, or as its `fit`.
    """
    module = load(method)
    made = module.fit(problem, (config or Options()).of(module.Config))
    return replace(made, adapter=replace(made.adapter, output=problem.reader.base.model.output_name))
