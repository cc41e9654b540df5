# SPDX-License-Identifier: Apache-2.0
"""zcbor's C sources, which its Python package carries: CBOR on the device (firmware/smp)."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from mcuedit._util.errors import McueditError

_NAMES = ("zcbor_common.c", "zcbor_decode.c", "zcbor_encode.c")
_PLACES = ("", "zcbor")  # of src/ and include/ below the package: releases differ


@dataclass(frozen=True)
class Zcbor:
    """The folder that has src/ and include/."""

    root: Path

    @property
    def sources(self) -> list[Path]:
        return [self.root / "src" / name for name in _NAMES]

    @property
    def flags(self) -> tuple[str, ...]:
        """For every file of a build."""
        return ("-isystem", str(self.root / "include"))


def find() -> Zcbor:
    """The sources of the installed package.

    Raises:
        McueditError: it is not installed, or has none.
    """
    found = importlib.util.find_spec("zcbor")
    places = list(found.submodule_search_locations or []) if found else []
    for root in (Path(place) / below for place in places for below in _PLACES):
        if all(path.is_file() for path in Zcbor(root).sources):
            return Zcbor(root)
    raise McueditError("zcbor's C sources are not there", "pip install 'zcbor>=0.9'")
