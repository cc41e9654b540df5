# SPDX-License-Identifier: Apache-2.0
"""Repair an INT8 model in the field with a delta of a few hundred bytes.

The public names stand in __init__.pyi. Each is imported when first used: `import mcuedit` loads nothing heavy.
"""

from __future__ import annotations

import ast
import importlib
from functools import cache
from pathlib import Path
from typing import Any

__version__ = "0.1.0"


@cache
def _public() -> dict[str, tuple[str, str]]:
    """Public name -> module and attribute."""
    stub = ast.parse(Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    imports = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    return {name.asname or name.name: (node.module or "", name.name) for node in imports for name in node.names}


def __getattr__(name: str) -> Any:
    if name == "__all__":
        return ["__version__", *_public()]
    if name.startswith("_") or name not in _public():
        raise AttributeError(f"module 'mcuedit' has no attribute {name!r}")
    module, attribute = _public()[name]
    value = getattr(importlib.import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(["__version__", *_public()])
