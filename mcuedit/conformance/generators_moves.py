# SPDX-License-Identifier: Apache-2.0
"""Random ops that move bytes, beside those in `generators_plain`."""

from __future__ import annotations

import numpy as np

from mcuedit.conformance.generators import Drawing, Ref

_MOST_JOINED = 4


def expand_dims(d: Drawing, x: Ref, kind: str) -> Ref:
    """EXPAND_DIMS at any place, named from either end."""
    rank = len(x.shape)
    axis = int(d.rng.integers(rank + 1))
    y = _moved(d, x, (*x.shape[:axis], 1, *x.shape[axis:]))
    d.net.op(kind, [x.index, d.integers([axis - rank - 1 if d.chance(0.3) else axis])], y.index)
    return y


def squeeze(d: Drawing, x: Ref, kind: str) -> Ref:
    """SQUEEZE of all axes of length 1, or of some, named from either end."""
    rank, ones = len(x.shape), [i for i, n in enumerate(x.shape) if n == 1]
    axes = [i for i in ones if d.chance(0.7)] or ones
    y = _moved(d, x, tuple(n for i, n in enumerate(x.shape) if i not in axes))
    named = [] if axes == ones and d.chance() else [i - rank if d.chance(0.3) else i for i in axes]
    d.net.op(kind, [x.index], y.index, squeezeDims=named)
    return y


def pack(d: Drawing, x: Ref, kind: str) -> Ref:
    """PACK of the input, once or more, and constants."""
    rank = len(x.shape)
    parts = [x] + [
        x if d.chance() else d.constant(x.shape, x.scale, x.zero) for _ in range(d.pick(*range(_MOST_JOINED)))
    ]
    order = [parts[i] for i in d.rng.permutation(len(parts))]
    axis = int(d.rng.integers(rank + 1))
    y = _moved(d, x, (*x.shape[:axis], len(order), *x.shape[axis:]))
    named = axis - rank - 1 if d.chance(0.3) else axis
    d.net.op(kind, [p.index for p in order], y.index, axis=named, valuesCount=len(order))
    return y


def split(d: Drawing, x: Ref, kind: str) -> Ref:
    """SPLIT, SPLIT_V or UNPACK along any axis; one of the outputs goes on."""
    rank = len(x.shape)
    axis = int(d.rng.integers(rank))
    length = x.shape[axis]
    if kind == "SPLIT_V":
        cuts = (
            sorted(int(c) for c in d.rng.choice(length - 1, min(d.pick(0, 1, 2), length - 1), replace=False) + 1)
            if length > 1
            else []
        )
        lengths = [b - a for a, b in zip([0, *cuts], [*cuts, length], strict=True)]
    else:
        count = length if kind == "UNPACK" else d.pick(*[n for n in range(1, length + 1) if length % n == 0])
        lengths = [length // count] * count
    kept = [() if kind == "UNPACK" else (n,) for n in lengths]
    outputs = [_moved(d, x, (*x.shape[:axis], *k, *x.shape[axis + 1 :])) for k in kept]
    named = axis - rank if d.chance(0.3) else axis
    made = [y.index for y in outputs]
    if kind == "UNPACK":
        d.net.op(kind, [x.index], made, num=len(made), axis=named)
    elif kind == "SPLIT":
        d.net.op(kind, [d.integers([named]), x.index], made, numSplits=len(made))
    else:
        d.net.op(kind, [x.index, d.integers(lengths), d.integers([named])], made, numSplits=len(made))
    return outputs[d.pick(*range(len(outputs)))]


def cut(d: Drawing, x: Ref, kind: str) -> Ref:
    """SLICE; some sizes reach to the end."""
    begin = [int(d.rng.integers(n)) for n in x.shape]
    ends = [d.chance(0.3) for _ in x.shape]
    lengths = [n - b if e else int(d.rng.integers(1, n - b + 1)) for n, b, e in zip(x.shape, begin, ends, strict=True)]
    y = _moved(d, x, tuple(lengths))
    sizes = [n if not e or d.chance() else -1 for n, e in zip(lengths, ends, strict=True)]
    d.net.op(kind, [x.index, d.integers(begin), d.integers(sizes)], y.index)
    return y


def gather(d: Drawing, x: Ref, kind: str) -> Ref:
    """GATHER by positions of one or two axes, the same for all, or others for each batch."""
    rank = len(x.shape)
    axis = int(d.rng.integers(rank))
    batches = int(d.rng.integers(axis + 1)) if d.chance(0.3) else 0
    listed = (*x.shape[:batches], *d.shape(d.pick(1, 1, 2)))
    positions = d.net.constant("i", d.rng.integers(0, x.shape[axis], listed).astype(np.int32))
    y = _moved(d, x, (*x.shape[:axis], *listed[batches:], *x.shape[axis + 1 :]))
    named = axis - rank if d.chance(0.3) else axis
    d.net.op(kind, [x.index, positions], y.index, axis=named, batchDims=batches)
    return y


def depth_to_space(d: Drawing, x: Ref, kind: str) -> Ref:
    """DEPTH_TO_SPACE with blocks that the channels allow."""
    n, high, wide, channels = x.shape
    size = d.pick(*[size for size in (1, 2, 3, 4) if channels % (size * size) == 0])
    y = _moved(d, x, (n, high * size, wide * size, channels // (size * size)))
    d.net.op(kind, [x.index], y.index, blockSize=size)
    return y


def space_to_depth(d: Drawing, x: Ref, kind: str) -> Ref:
    """SPACE_TO_DEPTH with blocks that the image allows."""
    n, high, wide, channels = x.shape
    size = d.pick(*[size for size in (1, 2, 3, 4) if high % size == wide % size == 0])
    y = _moved(d, x, (n, high // size, wide // size, channels * size * size))
    d.net.op(kind, [x.index], y.index, blockSize=size)
    return y


def space_to_batch(d: Drawing, x: Ref, kind: str) -> Ref:
    """SPACE_TO_BATCH_ND without a frame, which TFLM leaves undefined."""
    spatial = x.shape[1:-1]
    block = [d.pick(*[size for size in (1, 2, 3, 4) if n % size == 0]) for n in spatial]
    shape = (x.shape[0] * int(np.prod(block)), *(n // b for n, b in zip(spatial, block, strict=True)), x.shape[-1])
    y = _moved(d, x, shape)
    frame = d.net.constant("p", np.zeros((len(block), 2), np.int32))
    d.net.op(kind, [x.index, d.integers(block), frame], y.index)
    return y


def batch_to_space(d: Drawing, x: Ref, kind: str) -> Ref:
    """BATCH_TO_SPACE_ND of as many images as blocks ask for, with and without a frame."""
    spatial = x.shape[1:-1]
    sizes = [d.pick(1, 2, 3) for _ in spatial]
    need = int(np.prod(sizes))
    if x.shape[0] % need:  # the blocks need more images
        joined = d.like(x, (need * x.shape[0], *x.shape[1:]))
        d.net.op("CONCATENATION", [x.index] * need, joined.index, axis=0)
        x = joined
    tall = [n * s for n, s in zip(spatial, sizes, strict=True)]
    frame = [
        (int(d.rng.integers((n + 1) // 2)), int(d.rng.integers((n + 1) // 2))) if d.chance() else (0, 0) for n in tall
    ]
    left = [n - before - after for n, (before, after) in zip(tall, frame, strict=True)]
    y = _moved(d, x, (x.shape[0] // need, *left, x.shape[-1]))
    d.net.op(kind, [x.index, d.integers(sizes), d.net.constant("p", np.array(frame, np.int32))], y.index)
    return y


def resized(d: Drawing, x: Ref, kind: str) -> Ref:
    """RESIZE_NEAREST_NEIGHBOR or RESIZE_BILINEAR, larger or smaller, in all ways that pixels are aligned."""
    size = [max(1, int(n * 2.0 ** d.rng.uniform(-1, 2))) if d.chance(0.8) else n for n in x.shape[1:3]]
    corners = d.chance(0.4)
    centers = d.chance() and not (corners and kind == "RESIZE_BILINEAR")
    y = _moved(d, x, (x.shape[0], *size, x.shape[3]))
    d.net.op(kind, [x.index, d.integers(size)], y.index, alignCorners=corners, halfPixelCenters=centers)
    return y


def _moved(d: Drawing, x: Ref, shape: tuple[int, ...]) -> Ref:
    """An output, sometimes of other scales, which the bytes take no notice of."""
    return d.like(x, shape) if d.chance(0.8) else d.tensor(shape, d.scale(), d.zero())
