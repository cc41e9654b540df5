# SPDX-License-Identifier: Apache-2.0
"""Text from outside as a person may be shown it: nothing in it is obeyed by a terminal, or hidden from the reader."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable

# Control characters, formats (directions, tags, soft hyphens), halves of surrogates, separators of lines.
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_JOINERS = "\u200c\u200d"  # formats, but letters of some scripts and emojis are spelled with them


def text(given: str) -> str:
    r"""The same, with each such character as Python writes it, such as \x1b; \n stays.

    Twice is as once.
    """
    return _escaped(given, "\n", lambda c: c.encode("unicode_escape", "surrogatepass").decode())


def line(given: str) -> str:
    r"""The same of what has one line: \n is escaped, too."""
    return _escaped(given, "", lambda c: c.encode("unicode_escape", "surrogatepass").decode())


def in_json(given: str) -> str:
    r"""JSON that means the same, where those characters stand as \u escapes."""
    return _escaped(given, "\n", lambda c: json.dumps(c)[1:-1])


def is_line(given: str) -> bool:
    """Whether nothing in it is to be escaped."""
    return line(given) == given


def _escaped(given: str, stays: str, escape: Callable[[str], str]) -> str:
    if given.isprintable():  # nearly always
        return given
    return "".join(escape(c) if _is_hidden(c) and c not in stays else c for c in given)


def _is_hidden(c: str) -> bool:
    return unicodedata.category(c) in _HIDDEN and c not in _JOINERS
