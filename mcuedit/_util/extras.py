# SPDX-License-Identifier: Apache-2.0
"""Packages that only some verbs need: the extras of pyproject.toml, and what to do when one is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from mcuedit._util.errors import McueditError


def install(extra: str) -> str:
    """The command that brings an extra."""
    return f"pip install 'mcuedit[{extra}]'"


def require(package: str, extra: str, use: str) -> None:
    """The same as `needed` without importing it, which can take seconds.

    Raises:
        McueditError: it is not there.
    """
    with needed(extra, use):
        if find_spec(package) is None:
            raise ModuleNotFoundError(package, name=package)


@contextmanager
def needed(extra: str, use: str) -> Iterator[None]:
    """For the imports of what an extra brings.

    Args:
        use: what it is needed for, as the start of a sentence.

    Raises:
        McueditError: one of them is not there.
    """
    try:
        yield
    except ImportError as error:
        package = (error.name or str(error)).partition(".")[0]
        raise McueditError(f"{use} needs {package}, which is not installed", install(extra)) from error
