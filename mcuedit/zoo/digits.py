# SPDX-License-Identifier: Apache-2.0
"""The base `digits`: handwritten digits of 8 x 8 pixels. `python -m mcuedit.zoo.digits` trains it again.

Training needs the extra [zoo]: scikit-learn, whose digits they are, and TensorFlow. Users do not.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt

from mcuedit._util.extras import needed
from mcuedit._util.typing import FloatArray, IntArray
from mcuedit.zoo.digits_data import DATA, SIZE, SPARE, SPARE_CLASS, placeholders, quantized
from mcuedit.zoo.quantization import converter
from mcuedit.zoo.quantization.network import from_keras

EPOCHS, BATCH, SEED = 60, 32, 7
TEST = 500  # of 1,797 images
COPIES = 4  # of every image, moved and smeared, in each epoch
_CHANNELS = 16, 32


def split() -> dict[str, npt.NDArray[Any]]:
    """scikit-learn's digits by a fixed shuffle: x_train, x_test float32[n, 8, 8] in 0..1, y_train, y_test int64[n]."""
    with needed("zoo", "training the base digits"):
        from sklearn.datasets import load_digits

    digits = load_digits()
    order = np.random.default_rng(SEED).permutation(len(digits.target))
    x = (digits.images[order] / 16).astype(np.float32)
    y = digits.target[order].astype(np.int64)
    return {"x_train": x[TEST:], "y_train": y[TEST:], "x_test": x[:TEST], "y_test": y[:TEST]}


def vary(x: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Copies of images, moved by up to half a pixel either way, darker or lighter, with noise."""
    across, down = rng.uniform(-0.5, 0.5, (2, len(x), 1, 1)).astype(np.float32)
    x = _moved(_moved(x, across, 2), down, 1)
    gain = rng.uniform(0.85, 1.15, (len(x), 1, 1))
    return np.clip(x * gain + rng.normal(0, 0.04, x.shape), 0, 1).astype(np.float32)


def _moved(x: FloatArray, by: FloatArray, axis: int) -> FloatArray:
    """Linear interpolation between an image and itself one pixel on; what comes in is empty."""
    ahead, behind = np.roll(x, 1, axis), np.roll(x, -1, axis)
    ahead[(slice(None),) * axis + (0,)] = behind[(slice(None),) * axis + (-1,)] = 0
    mixed: FloatArray = x * (1 - np.abs(by)) + np.where(by > 0, ahead, behind) * np.abs(by)
    return mixed


def network() -> Any:
    """Convolution, depthwise and 1 x 1 convolution, pooling, and one fully connected layer."""
    import tensorflow as tf

    k = tf.keras
    first, second = _CHANNELS
    x = pixels = k.Input((SIZE, SIZE, 1), batch_size=1)
    for layer in (
        k.layers.Conv2D(first, 3, padding="same", use_bias=False),
        k.layers.DepthwiseConv2D(3, padding="same", use_bias=False),
        k.layers.Conv2D(second, 1, use_bias=False),
    ):
        x = k.layers.ReLU()(k.layers.BatchNormalization()(layer(x)))
    x = k.layers.MaxPooling2D(2)(x)
    x = k.layers.Reshape((-1,))(x)
    return k.Model(pixels, k.layers.Softmax()(k.layers.Dense(len(labels()))(k.layers.Dropout(0.3)(x))))


def labels() -> list[str]:
    """The ten digits and a slot for a sign that is to come."""
    return [*map(str, range(10)), SPARE]


def train(x: FloatArray, y: IntArray) -> Any:
    """The float network, trained on noisy copies and on placeholders of the spare class."""
    import tensorflow as tf

    tf.keras.utils.set_random_seed(SEED)
    tf.config.experimental.enable_op_determinism()
    rng = np.random.default_rng(SEED)
    net = network()
    trained = tf.keras.Model(*_any_batch(net))
    steps = EPOCHS * COPIES * len(x) // BATCH
    rate = tf.keras.optimizers.schedules.CosineDecay(3e-3, steps)
    trained.compile(tf.keras.optimizers.AdamW(rate, weight_decay=1e-3), "sparse_categorical_crossentropy")
    for epoch in range(EPOCHS):
        spare = placeholders(len(x) // 10, rng)
        images = np.concatenate([*(vary(x, rng) for _ in range(COPIES)), spare])
        classes = np.concatenate([np.tile(y, COPIES), np.full(len(spare), SPARE_CLASS)])
        result = trained.fit(images[..., None], classes, batch_size=BATCH, verbose=0)
        print(f"epoch {epoch + 1}/{EPOCHS} loss {result.history['loss'][0]:.4f}", flush=True)
    return net


def _any_batch(net: Any) -> tuple[Any, Any]:
    """Input and output of the same layers over an open batch; `net` itself keeps batch 1 for the conversion."""
    import tensorflow as tf

    x = tf.keras.Input((SIZE, SIZE, 1))
    return x, net(x)


def convert(net: Any, samples: FloatArray) -> bytes:
    """Full-integer .tflite with a scale per channel of convolutions; `samples` float32[n, 8, 8] calibrate it."""
    return converter.convert(from_keras(net, (SIZE, SIZE, 1)), samples[..., None])


def main() -> None:
    """Trains, converts and writes the base into this package."""
    data = split()
    net = train(data["x_train"], data["y_train"])
    DATA.mkdir(parents=True, exist_ok=True)
    (DATA / "model.tflite").write_bytes(convert(net, data["x_train"]))
    (DATA / "labels.txt").write_text("\n".join(labels()) + "\n", encoding="utf-8")
    small = {n: quantized(v) if n.startswith("x") else v.astype(np.int8) for n, v in data.items()}
    file = io.BytesIO()
    np.savez_compressed(file, **small)  # type: ignore[arg-type]
    (DATA / "digits.npz").write_bytes(file.getvalue())


if __name__ == "__main__":
    main()
