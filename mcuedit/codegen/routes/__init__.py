# SPDX-License-Identifier: Apache-2.0
"""Adapters in flash that is not mapped, and which of them are active in which context (docs/spec/routes.md)."""

from __future__ import annotations

from mcuedit.codegen.routes.form import read_routes
from mcuedit.codegen.routes.table import Route, Routes

__all__ = ["Route", "Routes", "read_routes"]
