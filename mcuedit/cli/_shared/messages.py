# SPDX-License-Identifier: Apache-2.0
"""Errors and the log on stderr, without what tables need: a verb that fails is quick, too."""

from __future__ import annotations

import logging
import os
import sys

import click

from mcuedit._util import visible


def complain(message: str, hint: str = "") -> None:
    """Writes what is wrong and what to do to stderr."""
    colour = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    for word, text, fg in ("error", message, "red"), ("hint", hint, "cyan"):
        if text:
            told = visible.text(indented(text))
            click.echo(f"{click.style(word, fg=fg, bold=True) if colour else word}: {told}", err=True)


def log(level: int) -> None:
    """Has what mcuedit's modules log go to stderr, from a level on; nothing else is touched."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter("%(name)s: %(message)s"))
    logger = logging.getLogger("mcuedit")
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(level)


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return visible.text(indented(super().format(record)))


def indented(text: str) -> str:
    """A message of several lines, none of which can be taken for another message."""
    return text.replace("\n", "\n  ")
