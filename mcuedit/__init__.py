# SPDX-License-Identifier: Apache-2.0
"""Repair an INT8 model in the field with a delta of a few hundred bytes.

The names below are the public API. Each is imported when first used: `import mcuedit` loads nothing heavy.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_API = {
    "McueditError": "mcuedit.errors",
    "load_model": "mcuedit.model:load",
    "text_features": "mcuedit.features",
    "Adapter": "mcuedit.delta",
    "Delta": "mcuedit.delta",
    "encode": "mcuedit.package",
    "decode": "mcuedit.package",
}

__all__ = ["__version__", *_API]


def __getattr__(name: str) -> Any:
    if name not in _API:
        raise AttributeError(f"module 'mcuedit' has no attribute {name!r}")
    module, _, attribute = _API[name].partition(":")
    value = getattr(importlib.import_module(module), attribute or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
