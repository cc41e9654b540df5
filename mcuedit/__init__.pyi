# SPDX-License-Identifier: Apache-2.0
"""The public names and where they are. Read by type checkers, and by mcuedit/__init__.py at run time."""

from mcuedit._util.errors import McueditError
from mcuedit.adapter.delta import Adapter, Delta
from mcuedit.adapter.encoding import decode, encode
from mcuedit.adapter.folder import load as load_adapter
from mcuedit.adapter.folder import save as save_adapter
from mcuedit.benchmark.edits import bench, evaluate, evaluate_merged, evaluate_tensors, reader
from mcuedit.codegen import render_adapter, render_base, render_project
from mcuedit.codegen.emission import emit
from mcuedit.codegen.inspection import describe
from mcuedit.edits import Edit, EditSet, KeepSet, TensorSet, Wanted, load_edits, load_facts, load_keep, load_tensors
from mcuedit.emulate.runner import best_oracle, open_device, run
from mcuedit.model.bundle import Base
from mcuedit.model.bundle import load as load_base
from mcuedit.model.oracle import Oracle, Reader
from mcuedit.model.text import text_features
from mcuedit.model.tflite import Model
from mcuedit.model.tflite import load as load_model
from mcuedit.package import Package, Refused, open_package
from mcuedit.package.keys import PublicKey, load_private, load_public
from mcuedit.package.keys import generate as generate_key
from mcuedit.registry import Registry, open_registry
from mcuedit.registry.packing import Packed, pack
from mcuedit.training import (
    Merged,
    Options,
    Trained,
    place_tensors,
    train,
    train_merged,
    train_merged_tensors,
    train_tensors,
)
from mcuedit.zoo import export as export_base

__version__: str

__all__ = [
    "Adapter",
    "Base",
    "Delta",
    "Edit",
    "EditSet",
    "KeepSet",
    "McueditError",
    "Merged",
    "Model",
    "Options",
    "Oracle",
    "Package",
    "Packed",
    "PublicKey",
    "Reader",
    "Refused",
    "Registry",
    "TensorSet",
    "Trained",
    "Wanted",
    "__version__",
    "bench",
    "best_oracle",
    "decode",
    "describe",
    "emit",
    "encode",
    "evaluate",
    "evaluate_merged",
    "evaluate_tensors",
    "export_base",
    "generate_key",
    "load_adapter",
    "load_base",
    "load_edits",
    "load_facts",
    "load_keep",
    "load_model",
    "load_private",
    "load_public",
    "load_tensors",
    "open_device",
    "open_package",
    "open_registry",
    "pack",
    "place_tensors",
    "reader",
    "render_adapter",
    "render_base",
    "render_project",
    "run",
    "save_adapter",
    "text_features",
    "train",
    "train_merged",
    "train_merged_tensors",
    "train_tensors",
]
