# SPDX-License-Identifier: Apache-2.0
"""Fields of one line: texts, prompts, answers."""

from __future__ import annotations

from typing import Any

from mcuedit.edits.sets import bag_of_words

_MAX_TEXT = 1 << 16  # characters
_SHOWN = 60  # characters of a text in a message


class FieldError(ValueError):
    """A field of one line is wrong."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"field {name!r} {why}")


def text(name: str, value: Any) -> str:
    """A text that is not empty, without blanks around it.

    Raises:
        FieldError: it is none.
    """
    if value is None:
        raise FieldError(name, "is missing")
    if not isinstance(value, str):
        raise FieldError(name, f"is a {type(value).__name__}, not a string")
    found: str = value.strip()
    if not found:
        raise FieldError(name, "is empty")
    if len(found) > _MAX_TEXT:
        raise FieldError(name, f"has {len(found):,} characters, at most {_MAX_TEXT:,}")
    try:
        found.encode()
    except UnicodeEncodeError:
        raise FieldError(name, "has a lone surrogate, which no UTF-8 can carry") from None
    return found


def answer(name: str, value: Any) -> tuple[str, int | None]:
    """A label, or a class as text and as number: a JSON integer is a class, "7" is a label.

    Raises:
        FieldError: it is neither.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        if value < 0:
            raise FieldError(name, f"is {value}, no class")
        return str(value), value
    found = text(name, value)
    if any(ord(c) < 32 for c in found):
        raise FieldError(name, "has a control character")
    return found, None


def texts(values: dict[str, Any], name: str, *, needed: bool = False) -> tuple[str, ...]:
    """A field that is a list of prompts, or one prompt.

    Raises:
        FieldError: one of them is no text with a word in it, or there is none.
    """
    value = values.get(name)
    if value is None and not needed:
        return ()
    items = value if isinstance(value, list) else [value]
    if needed and not items:
        raise FieldError(name, "is empty")
    found = tuple(text(name, item) for item in items)
    for one in found:
        if not bag_of_words(one):
            raise FieldError(name, f"has no word in {one[:_SHOWN]!r}")
    return tuple(dict.fromkeys(found))
