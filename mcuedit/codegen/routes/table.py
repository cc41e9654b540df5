# SPDX-License-Identifier: Apache-2.0
"""Slots with adapters, a table of routes, and both as files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mcuedit._util import templates
from mcuedit.adapter.delta import Adapter
from mcuedit.codegen.names import Names, base_names, comment

_ERASED = b"\xff"


def rank(adapter: Adapter) -> int:
    """Factors of all its deltas together."""
    return sum(delta.rank for delta in adapter.deltas)


@dataclass(frozen=True)
class Route:
    """A context and the slots of the adapters that are active in it, ascending."""

    name: str
    id: int
    slots: tuple[int, ...]


@dataclass(frozen=True)
class Routes:
    """Which adapters are active in which context, and where they lie (docs/spec/routes.md).

    Attributes:
        adapters, raws: of the slots, in their order; their device bytes.
        routes: by ascending id.
        otherwise: slots of the adapters that are active in every other context.
        origin, pitch, size: of slots, in bytes, as the firmware's reader counts.
        places: adapters in RAM at once.
    """

    adapters: tuple[Adapter, ...]
    raws: tuple[bytes, ...]
    routes: tuple[Route, ...]
    otherwise: tuple[int, ...]
    origin: int
    pitch: int
    size: int
    places: int

    @property
    def rank(self) -> int:
        """The most factors that are active at once, at least 1."""
        return max(1, *(self._rank(slots) for slots in (self.otherwise, *(route.slots for route in self.routes))))

    @property
    def most(self) -> int:
        """The most adapters that are active at once, at least 1."""
        return max(1, len(self.otherwise), *(len(route.slots) for route in self.routes))

    def _rank(self, slots: Sequence[int]) -> int:
        return sum(rank(self.adapters[slot]) for slot in slots)

    def image(self) -> bytes:
        """What is to be in the flash from `origin` on: a slot after the other, erased where nothing is."""
        return b"".join(raw.ljust(self.pitch, _ERASED) for raw in self.raws)

    def render(self, banner: dict[str, Any], base: str) -> dict[str, str]:
        """Header and source.

        Args:
            banner: of `mcuedit.codegen.render`.
            base: name of the base.
        """
        names = base_names(base)
        context = {**banner, "names": names, **self.context(names)}
        return {
            f"{names.stem}_routes.h": templates.render("routes.h.j2", context),
            f"{names.stem}_routes.c": templates.render("routes.c.j2", context),
        }

    def context(self, names: Names) -> dict[str, Any]:
        """What templates need."""
        titles = [comment(f"{adapter.name} {adapter.version}".strip()) for adapter in self.adapters]
        return {
            "routes": self,
            "slots": [(i, title, len(raw)) for i, (title, raw) in enumerate(zip(titles, self.raws, strict=True))],
            "contexts": [(base_names(route.name), comment(route.name), route) for route in self.routes],
            "image_name": f"{names.stem}_routes.bin",
        }
