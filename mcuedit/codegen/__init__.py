# SPDX-License-Identifier: Apache-2.0
"""Base and adapters to C: `render_*` return {relative path: text} and write nothing."""

from __future__ import annotations

from mcuedit.codegen.arena_plan import ArenaPlan, Place, Stage, plan_arena
from mcuedit.codegen.names import adapter_names, base_names
from mcuedit.codegen.projects import PROJECTS, arrange
from mcuedit.codegen.render import render_adapter, render_base, render_model_header, render_project
from mcuedit.codegen.routes import Route, Routes, read_routes
from mcuedit.codegen.tflm import render_tflm_base, render_tflm_model_header, render_tflm_project
from mcuedit.codegen.train import (
    FactorSetup,
    TrainSetup,
    render_factors,
    render_tflm_trainable,
    render_train,
    render_trainable,
)

__all__ = [
    "PROJECTS",
    "ArenaPlan",
    "FactorSetup",
    "Place",
    "Route",
    "Routes",
    "Stage",
    "TrainSetup",
    "adapter_names",
    "arrange",
    "base_names",
    "plan_arena",
    "read_routes",
    "render_adapter",
    "render_base",
    "render_factors",
    "render_model_header",
    "render_project",
    "render_tflm_base",
    "render_tflm_model_header",
    "render_tflm_project",
    "render_tflm_trainable",
    "render_train",
    "render_trainable",
]
