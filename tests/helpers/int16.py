# SPDX-License-Identifier: Apache-2.0
"""Models of 16-bit activations and 8-bit weights."""

from __future__ import annotations

from functools import cache

import numpy as np

from mcuedit.conformance.netbuilder import NetBuilder


def wide(first: str = "INT16", last: str = "INT16", *, before: bool = False, then: bool = False) -> bytes:
    """16x8: one FULLY_CONNECTED between ends of a type; one of int8 ahead of it (`before`) or behind it (`then`)."""
    net, rng = NetBuilder(dtype="INT16"), np.random.default_rng(0)

    def narrow(x: int, name: str) -> int:
        weights = rng.integers(-99, 99, (4, 4)).astype(np.int8)
        y = net.tensor(name, (1, 4), 0.1, 0, dtype="INT8")
        net.op("FULLY_CONNECTED", [x, net.constant(f"w{name}", weights, [0.01])], y)
        return y

    x = given = net.tensor("x", (1, 4), 0.1 if first == "INT8" else 0.001, 0, dtype=first)
    if before:
        x = narrow(x, "start")
    if first != "INT16":
        x, y = net.tensor("x16", (1, 4), 0.001, 0), x
        net.op("QUANTIZE", [y], x)
    y = net.tensor("y16", (1, 4), 0.001, 0)
    net.op("FULLY_CONNECTED", [x, net.constant("w", rng.integers(-99, 99, (4, 4)).astype(np.int8), [0.01])], y)
    if last != "INT16" or then:
        made = net.tensor("y", (1, 4), 0.1, 0, dtype="INT8" if then else last)
        net.op("DEQUANTIZE" if last == "FLOAT32" else "QUANTIZE", [y], made)
        y = made
    return net.pack(given, narrow(y, "end") if then else y)


@cache
def keras(dtype: str) -> bytes:
    """A small net of Keras by the converter's 16x8 mode, with ends of a type."""
    import tensorflow as tf

    layers, mode = tf.keras.layers, tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
    tf.keras.utils.set_random_seed(0)
    image = tf.keras.Input((12, 12, 3))
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(image)
    x = layers.Add()([x, layers.DepthwiseConv2D(3, padding="same")(x)])
    x = layers.Conv2D(6, 1, activation="tanh")(layers.AveragePooling2D(2)(x))
    x = layers.Flatten()(layers.MaxPooling2D(2, strides=1)(x))
    x = layers.Dense(5, activation="softmax")(layers.Dense(16, activation="sigmoid")(x))
    converter = tf.lite.TFLiteConverter.from_keras_model(tf.keras.Model(image, x))
    rng = np.random.default_rng(0)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([rng.normal(size=(1, 12, 12, 3)).astype(np.float32)] for _ in range(50))
    converter.target_spec.supported_ops = [mode]
    converter.inference_input_type = converter.inference_output_type = getattr(tf, dtype)
    data: bytes = converter.convert()
    return data
