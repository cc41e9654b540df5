# SPDX-License-Identifier: Apache-2.0
"""A float network from the file that its trainer saved: one input, one output, batch 1."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit._util.extras import needed
from mcuedit._util.typing import FloatArray
from mcuedit.model import tflite

_KERAS = (".keras", ".h5", ".hdf5")
_WAYS_OUT = {  # formats of others that people have
    ".onnx": "onnx2tf -i FILE.onnx makes a SavedModel of it",
    ".pt": "litert-torch, or ONNX and onnx2tf, make a SavedModel of it",
    ".pth": "litert-torch, or ONNX and onnx2tf, make a SavedModel of it",
    ".pb": "give the folder of the SavedModel; a frozen graph alone does not say what its inputs are",
}
_FORMS = "give a .keras or .h5 file, or the folder of a SavedModel"


@dataclass(frozen=True)
class Network:
    """A float network.

    Attributes:
        call: of TensorFlow, float32[1, *shape] to the output.
        converter: makes a TFLiteConverter for batch 1.
    """

    call: Callable[[Any], Any]
    converter: Callable[[], Any]

    def outputs(self, samples: FloatArray) -> FloatArray:
        """float32[n, *shape] to float32[n, outputs], one sample at a time as a device takes them."""
        tf = tensorflow()
        return np.stack([self.call(tf.constant(sample[None])).numpy().reshape(-1) for sample in samples])


def tensorflow() -> Any:
    """The module.

    Raises:
        McueditError: it is not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")  # the bytes of a base must not depend on a GPU
    with needed("tensorflow", "quantizing"):
        import tensorflow as tf
    return tf


def load(path: Path, shape: tuple[int, ...]) -> Network:
    """Reads a network and fixes its input.

    Args:
        path: .keras, .h5, or the folder of a SavedModel.
        shape: of a sample; it says what the network leaves open.

    Raises:
        McueditError: it cannot be read or converted, or takes other samples; or TensorFlow is not installed.
    """
    if (path / "saved_model.pb").is_file():
        return _saved_model(path, shape)
    if not path.exists():
        raise McueditError(f"{path}: no such file or folder", _FORMS)
    if path.is_dir():
        raise McueditError(f"{path}: a folder without saved_model.pb", _FORMS)
    if path.suffix == ".tflite":
        raise _refused_tflite(path)
    if path.suffix not in _KERAS:
        raise McueditError(f"{path}: no network that TensorFlow reads", _WAYS_OUT.get(path.suffix, _FORMS))
    tf = tensorflow()
    try:
        network = tf.keras.models.load_model(path, compile=False)
    except Exception as error:  # Keras raises what its parts raise
        raise McueditError(
            f"{path}: Keras cannot load it: {_line(error)}",
            "load_model must take it as it is; for layers of your own give the SavedModel that model.export writes",
        ) from error
    return from_keras(network, shape, str(path))


def from_keras(network: Any, shape: tuple[int, ...], name: str = "network") -> Network:
    """The same for a Keras model in memory.

    Raises:
        McueditError: see `load`.
    """
    if len(network.inputs or ()) != 1 or len(network.outputs or ()) != 1:
        count = f"{len(network.inputs or ())} inputs and {len(network.outputs or ())} outputs"
        raise McueditError(f"{name}: {count}", "a base has one of each: save the part of the network between them")
    source = network.inputs[0]
    _require_fit(name, tuple(source.shape), source.dtype, shape)
    tf = tensorflow()
    x = tf.keras.Input(shape, batch_size=1)
    fixed = tf.keras.Model(x, network(x, training=False))
    return Network(tf.function(fixed), lambda: tf.lite.TFLiteConverter.from_keras_model(fixed))


def _refused_tflite(path: Path) -> McueditError:
    try:
        tflite.load(path)
    except McueditError as error:
        kind = next((kind for kind in ("dynamic-range", "float") if f"a {kind} model" in error.message), None)
        if kind is None:
            return McueditError(error.message, _FORMS)
        return McueditError(
            f"{path}: a {kind} .tflite, which TensorFlow's converter does not read",
            "give what it was converted from: the .keras file, or the folder of the SavedModel",
        )
    return McueditError(f"{path}: is int8 already", "it is a base as it stands: mcuedit inspect shows it")


def _saved_model(path: Path, shape: tuple[int, ...]) -> Network:
    tf = tensorflow()
    try:
        loaded = tf.saved_model.load(str(path))
    except Exception as error:  # as above
        raise McueditError(f"{path}: TensorFlow cannot load it: {_line(error)}", _FORMS) from error
    signatures = dict(loaded.signatures)
    signature = signatures.get("serving_default") or (next(iter(signatures.values())) if len(signatures) == 1 else None)
    if signature is None:
        has = f"signatures {', '.join(signatures)}" if signatures else "no signature"
        raise McueditError(f"{path}: {has}, and no serving_default", "save it again with model.export(FOLDER)")
    inputs, outputs = signature.structured_input_signature[1], signature.structured_outputs
    if len(inputs) != 1 or len(outputs) != 1:
        count = f"{len(inputs)} inputs ({', '.join(inputs)}) and {len(outputs)} outputs ({', '.join(outputs)})"
        raise McueditError(f"{path}: {count}", "a base has one of each: save the part of the network between them")
    ((name, spec),), (result,) = inputs.items(), outputs
    declared = tuple(spec.shape) if spec.shape.rank is not None else (None, *shape)
    _require_fit(str(path), declared, spec.dtype.name, shape)
    fixed = tf.function(lambda x: signature(**{name: x})[result], [tf.TensorSpec((1, *shape), tf.float32)])
    concrete = fixed.get_concrete_function()
    return Network(fixed, lambda: tf.lite.TFLiteConverter.from_concrete_functions([concrete], loaded))


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def _require_fit(name: str, declared: tuple[int | None, ...], dtype: str, shape: tuple[int, ...]) -> None:
    """Raises unless a network with an input declared as [batch, ...] takes samples of `shape`, one at a time."""
    if dtype != "float32":
        raise McueditError(
            f"{name}: its input is {dtype}, not float32",
            "a base takes numbers: cut off what comes before them (a lookup of words, a cast), and quantize the rest",
        )
    batch, *wanted = declared
    if len(wanted) != len(shape) or any(n not in (None, m) for n, m in zip(wanted, shape, strict=True)):
        told = str(tuple(wanted)).replace("None", "any")
        raise McueditError(f"{name}: takes samples of shape {told}, these are {shape}", "reshape the samples")
    if batch not in (None, 1):
        raise McueditError(f"{name}: takes {batch} samples at once", "save it with an open batch, or with batch 1")
