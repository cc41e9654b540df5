# SPDX-License-Identifier: Apache-2.0
"""C names of generated things."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mcuedit._util.errors import McueditError
from mcuedit.adapter.delta import Adapter


@dataclass(frozen=True)
class Names:
    """File stem, prefix of symbols, prefix of macros. A prefix never stands alone, so no keyword can collide."""

    stem: str
    symbol: str
    macro: str


def base_names(name: str) -> Names:
    """Names for a base called `name`."""
    symbol = _identifier(name)
    return Names(symbol, symbol, symbol.upper())


def adapter_names(adapter: Adapter) -> Names:
    """Names for an adapter; `_adapter` keeps them apart from those of the base."""
    symbol = f"{_identifier(adapter.name)}_adapter"
    return Names(symbol, symbol, symbol.upper())


def distinct_names(base: str, adapters: Sequence[Adapter]) -> list[Names]:
    """Names for the adapters beside a base called `base`.

    Raises:
        McueditError: two of them, or one and the base, would have the same file name.
    """
    names = [adapter_names(adapter) for adapter in adapters]
    for stem, count in Counter([base_names(base).stem, *(n.stem for n in names)]).items():
        if count > 1:
            raise McueditError(f"{count} of the given things would be called {stem} in C", "rename all but one")
    return names


def activation_name(op: int, title: str) -> str:
    """What generated code calls the output of an op; its number keeps it apart from all else."""
    words = _identifier(title.split(";")[-1].rstrip("/").split("/")[-1])[:24].strip("_")
    return f"y{op}_{words}"


def _identifier(name: str) -> str:
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = re.sub(r"[^a-z0-9]+", "_", ascii_name.lower()).strip("_")
    return words if words and not words[0].isdigit() else f"n{words}"


def comment(text: str, limit: int = 60) -> str:
    """`text` made safe for a C comment on one line."""
    printable = "".join(c if c.isascii() and c.isprintable() and c != "\\" else "_" for c in text)
    short = printable if len(printable) <= limit else printable[: limit - 3] + "..."
    return short.replace("*/", "* /").replace("/*", "/ *")
