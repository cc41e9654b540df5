# SPDX-License-Identifier: Apache-2.0
"""Models of one CONV_2D, and their windows by the definition."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from mcuedit.conformance.netbuilder import NetBuilder


@dataclass(frozen=True)
class Conv:
    """What a convolution may look like; pairs are (height, width)."""

    size: tuple[int, int] = (5, 6)
    c_in: int = 2
    c_out: int = 3
    kernel: tuple[int, int] = (3, 3)
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    same: bool = True
    batches: int = 1
    zx: int = -7

    @property
    def fits(self) -> bool:
        """Whether there is an output position at all."""
        return self.same or all(
            n >= (k - 1) * d + 1 for n, k, d in zip(self.size, self.kernel, self.dilation, strict=True)
        )

    def along(self, axis: int) -> tuple[int, int]:
        """Output positions, and positions before the input under the first window."""
        n, k, s, d = self.size[axis], self.kernel[axis], self.stride[axis], self.dilation[axis]
        reach = (k - 1) * d + 1
        if not self.same:
            return (n - reach) // s + 1, 0
        count = (n + s - 1) // s
        return count, max(0, (count - 1) * s + reach - n) // 2

    def patches(self, x: np.ndarray) -> np.ndarray:
        """Element by element: int8[n, batches, height, width, c_in] -> int8[n, rows, kernel_h * kernel_w * c_in]."""
        (out_h, top), (out_w, left) = self.along(0), self.along(1)
        taps = [
            [
                (y * self.stride[0] - top + i * self.dilation[0], z * self.stride[1] - left + j * self.dilation[1])
                for i in range(self.kernel[0])
                for j in range(self.kernel[1])
            ]
            for y in range(out_h)
            for z in range(out_w)
        ]
        found = np.full((len(x), self.batches, len(taps), len(taps[0]), self.c_in), self.zx, np.int8)
        for row, places in enumerate(taps):
            for tap, (y, z) in enumerate(places):
                if 0 <= y < self.size[0] and 0 <= z < self.size[1]:
                    found[:, :, row, tap] = x[:, :, y, z]
        return found.reshape(len(x), self.batches * len(taps), -1)

    def tflite(self, seed: int = 0) -> bytes:
        """The model: random weights, fused RELU6."""
        rng = np.random.default_rng(seed)
        net = NetBuilder()
        x = net.tensor("input", [self.batches, *self.size, self.c_in], 1 / 16, self.zx)
        filters = rng.integers(-127, 128, (self.c_out, *self.kernel, self.c_in)).astype(np.int8)
        w = net.constant("filter", filters, np.full(1, 0.01))
        b = net.constant("bias", rng.integers(-500, 500, self.c_out).astype(np.int32), np.full(1, 0.01 / 16))
        (out_h, _), (out_w, _) = self.along(0), self.along(1)
        y = net.tensor("output", [self.batches, out_h, out_w, self.c_out], 0.04, -90)
        net.op("CONV_2D", [x, w, b], y, **self._options())
        return net.pack(x, y)

    def _options(self) -> dict[str, int]:
        strides = {"strideH": self.stride[0], "strideW": self.stride[1]}
        dilations = {"dilationHFactor": self.dilation[0], "dilationWFactor": self.dilation[1]}
        return {"padding": 0 if self.same else 1, **strides, **dilations, "fusedActivationFunction": 3}  # RELU6


def any_conv() -> st.SearchStrategy[Conv]:
    """Small ones of every kind."""

    def pair(most: int) -> st.SearchStrategy[tuple[int, int]]:
        return st.tuples(st.integers(1, most), st.integers(1, most))

    return st.builds(
        Conv,
        size=pair(7),
        c_in=st.integers(1, 5),
        c_out=st.integers(1, 12),
        kernel=pair(4),
        stride=pair(3),
        dilation=pair(3),
        same=st.booleans(),
        batches=st.integers(1, 2),
        zx=st.sampled_from([-128, -7, 0, 127]),
    ).filter(lambda conv: conv.fits)
