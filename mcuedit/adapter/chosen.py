# SPDX-License-Identifier: Apache-2.0
"""Which of a base's outputs adapters change, as their folders remember it."""

from __future__ import annotations

from collections.abc import Sequence

from mcuedit._util.errors import McueditError
from mcuedit.adapter.delta import Adapter
from mcuedit.model.bundle import B, with_output


def for_adapters(base: B, adapters: Sequence[Adapter], name: str | None = None) -> B:
    """The base with the output that its adapters are about.

    Args:
        name: of another one; None: what the adapters remember, or as the base has it where none does.

    Raises:
        McueditError: there is no such output, or the adapters remember different ones.
    """
    names = list(dict.fromkeys(adapter.output for adapter in adapters if adapter.output))
    if name is None and len(names) > 1:
        raise McueditError(
            f"the adapters are about different outputs: {', '.join(map(repr, names))}",
            "say which one is meant: --output-name NAME",
        )
    name = name if name is not None else next(iter(names), None)
    return base if name is None else with_output(base, name)
