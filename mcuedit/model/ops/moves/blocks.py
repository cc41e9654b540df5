# SPDX-License-Identifier: Apache-2.0
"""Blocks of pixels that go into the depth or the batch, and back: views of the input."""

from __future__ import annotations

import math

from mcuedit.model.ops.common import integers, refusal, require
from mcuedit.model.ops.moves.view import View
from mcuedit.model.tflite import Model, Op


def depth_to_space(model: Model, op: Op, _: int) -> View:
    """Channels of a pixel become a block of pixels."""
    shape, size = _blocks(model, op)
    n, high, wide, channels = shape
    require(channels % (size * size) == 0, op, f"blocks of {size} x {size} from {channels} channels")
    depth = channels // (size * size)
    split, made = (n, high, wide, size, size, depth), (n, high * size, wide * size, depth)
    return View(lambda x: x.reshape(split).transpose(0, 1, 3, 2, 4, 5), made)


def space_to_depth(model: Model, op: Op, _: int) -> View:
    """A block of pixels becomes the channels of one."""
    shape, size = _blocks(model, op)
    n, high, wide, depth = shape
    require(high % size == 0 and wide % size == 0, op, f"blocks of {size} x {size} in {list(shape)}")
    split = (n, high // size, size, wide // size, size, depth)
    made = (n, high // size, wide // size, size * size * depth)
    return View(lambda x: x.reshape(split).transpose(0, 1, 3, 2, 4, 5), made)


def _blocks(model: Model, op: Op) -> tuple[tuple[int, ...], int]:
    shape, size = model.tensors[op.inputs[0]].shape, int(op.options.get("blockSize", 0))
    require(len(shape) == 4 and size > 0, op, f"blocks of {size} in {list(shape)}")
    return shape, size


def space_to_batch(model: Model, op: Op, _: int) -> View:
    """Each pixel of a block goes to an image of its own."""
    (n, high, wide, depth), (down, right), frame = _image(model, op)
    if any(frame):
        raise refusal(
            op,
            f"a frame of {frame}: TensorFlow Lite Micro fills it with what memory happens to hold",
            "put a PAD before it, or convert the dilated convolution as one op",
        )
    require(high % down == 0 and wide % right == 0, op, f"blocks of {down} x {right} in {high} x {wide}")
    split = (n, high // down, down, wide // right, right, depth)
    made = _as_given(model, op, (n * down * right, high // down, wide // right, depth))
    return View(lambda x: x.reshape(split).transpose(2, 4, 0, 1, 3, 5), made)


def batch_to_space(model: Model, op: Op, _: int) -> View:
    """Images become the pixels of blocks; what lies in the frame is left out."""
    (batch, high, wide, depth), (down, right), (top, bottom, left, past) = _image(model, op)
    n = batch // (down * right)
    require(batch == n * down * right, op, f"blocks of {down} x {right} from {batch} images")
    tall, broad = high * down, wide * right
    require(top + bottom < tall and left + past < broad, op, f"{tall} x {broad} without {[top, bottom, left, past]}")
    split, whole = (down, right, n, high, wide, depth), (n, tall, broad, depth)
    made = _as_given(model, op, (n, tall - top - bottom, broad - left - past, depth))
    if not any((top, bottom, left, past)):
        return View(lambda x: x.reshape(split).transpose(2, 3, 0, 4, 1, 5), made)
    rows, columns = slice(top, tall - bottom), slice(left, broad - past)
    return View(
        lambda x: x.reshape(split).transpose(2, 3, 0, 4, 1, 5).reshape(whole)[:, rows, columns], made, strided=False
    )


def _image(model: Model, op: Op) -> tuple[tuple[int, ...], list[int], list[int]]:
    """Batch, height, width and depth; a block's height and width; top, bottom, left and right of a frame."""
    shape, block, frame = model.tensors[op.inputs[0]].shape, integers(model, op, 1), integers(model, op, 2)
    spatial = len(shape) - 2
    fits = spatial in (1, 2) and len(block) == spatial and len(frame) == 2 * spatial
    fits = fits and min(block) > 0 and min(frame) >= 0 and math.prod(shape) > 0
    require(fits, op, f"blocks of {block} in a frame of {frame} for {list(shape)}")
    if spatial == 1:  # TFLM takes it as an image one pixel wide
        return (*shape[:2], 1, shape[2]), [*block, 1], [*frame, 0, 0]
    return shape, block, frame


def _as_given(model: Model, op: Op, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Without the width that was added."""
    return shape if len(model.tensors[op.inputs[0]].shape) == 4 else (*shape[:2], shape[3])
