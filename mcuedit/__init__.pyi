# SPDX-License-Identifier: Apache-2.0
"""The public names and where they are. Read by type checkers, and by mcuedit/__init__.py at run time."""

from mcuedit._util.errors import McueditError
from mcuedit.adapter.delta import Adapter, Delta
from mcuedit.adapter.encoding import decode as decode_adapter
from mcuedit.adapter.encoding import encode as encode_adapter
from mcuedit.api.base import Base, load_base
from mcuedit.api.editing import edit, evaluate, merge
from mcuedit.api.flashing import Firmware, Flashed, FlashOptions, InSlot, build_firmware, flash
from mcuedit.api.learning import Learned, LearnOptions, learn
from mcuedit.api.pushing import FleetOptions, Pushed, PushOptions, push, push_fleet, revoke, revoke_fleet
from mcuedit.api.simulation import simulate
from mcuedit.api.wake.recordings import Recordings, WakeOptions, WakeRepair, repair_wake_word
from mcuedit.build.options import BuildOptions
from mcuedit.codegen import Routes, read_routes, render_adapter, render_base, render_project
from mcuedit.codegen.augment import Extended, base_of, extend
from mcuedit.codegen.emission import emit
from mcuedit.codegen.inspection import describe
from mcuedit.edits import (
    Avoid,
    Edit,
    EditSet,
    KeepSet,
    Over,
    TensorSet,
    ToClass,
    ToVector,
    Wanted,
    load_edits,
    load_facts,
    load_keep,
    load_tensors,
)
from mcuedit.emulate.devices.device import Answer
from mcuedit.emulate.devices.updatable import DeviceSetup
from mcuedit.emulate.options import RunOptions
from mcuedit.emulate.runner import Result, open_device
from mcuedit.evaluation.metrics import Metrics
from mcuedit.evaluation.tensors import TensorMetrics
from mcuedit.federated.aggregate import Aggregate, Aggregation, aggregate
from mcuedit.federated.round import Submission
from mcuedit.fleet.transport import Device
from mcuedit.model.text import text_features
from mcuedit.model.tflite import Model
from mcuedit.model.tflite import load as load_model
from mcuedit.package import Package, Refused, open_package
from mcuedit.package.keys import PublicKey, load_private, load_public
from mcuedit.package.keys import generate as generate_key
from mcuedit.package.packing import Packed, Release, pack
from mcuedit.package.registry import Registry, open_registry
from mcuedit.package.revocation import Revocation, revoking
from mcuedit.training import Edited, Options
from mcuedit.zoo import export as export_base
from mcuedit.zoo.quantization import Quantized, quantize

__version__: str

__all__ = [
    "Adapter",
    "Aggregate",
    "Aggregation",
    "Answer",
    "Avoid",
    "Base",
    "BuildOptions",
    "Delta",
    "Device",
    "DeviceSetup",
    "Edit",
    "EditSet",
    "Edited",
    "Extended",
    "Firmware",
    "FlashOptions",
    "Flashed",
    "FleetOptions",
    "InSlot",
    "KeepSet",
    "LearnOptions",
    "Learned",
    "McueditError",
    "Metrics",
    "Model",
    "Options",
    "Over",
    "Package",
    "Packed",
    "PublicKey",
    "PushOptions",
    "Pushed",
    "Quantized",
    "Recordings",
    "Refused",
    "Registry",
    "Release",
    "Result",
    "Revocation",
    "Routes",
    "RunOptions",
    "Submission",
    "TensorMetrics",
    "TensorSet",
    "ToClass",
    "ToVector",
    "WakeOptions",
    "WakeRepair",
    "Wanted",
    "__version__",
    "aggregate",
    "base_of",
    "build_firmware",
    "decode_adapter",
    "describe",
    "edit",
    "emit",
    "encode_adapter",
    "evaluate",
    "export_base",
    "extend",
    "flash",
    "generate_key",
    "learn",
    "load_base",
    "load_edits",
    "load_facts",
    "load_keep",
    "load_model",
    "load_private",
    "load_public",
    "load_tensors",
    "merge",
    "open_device",
    "open_package",
    "open_registry",
    "pack",
    "push",
    "push_fleet",
    "quantize",
    "read_routes",
    "render_adapter",
    "render_base",
    "render_project",
    "repair_wake_word",
    "revoke",
    "revoke_fleet",
    "revoking",
    "simulate",
    "text_features",
]
