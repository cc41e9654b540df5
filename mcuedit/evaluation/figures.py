# SPDX-License-Identifier: Apache-2.0
"""What every record of figures can do."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Figures:
    """Figures by name, None where there is nothing to measure."""

    def flat(self) -> dict[str, float | int | None]:
        """As --json prints them."""
        return asdict(self)
