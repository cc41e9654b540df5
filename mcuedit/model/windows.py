# SPDX-License-Identifier: Apache-2.0
"""How the windows of convolutions and pools lie over an NHWC input."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mcuedit._util.errors import McueditError
from mcuedit._util.typing import FloatArray, Int8Array
from mcuedit.model.causes import AGAIN
from mcuedit.model.tflite import Model, Op

WINDOWED = ("CONV_2D", "DEPTHWISE_CONV_2D", "AVERAGE_POOL_2D", "MAX_POOL_2D")
_SAME, _VALID = 0, 1  # the schema's Padding


@dataclass(frozen=True)
class Window:
    """Windows of `kernel_h` x `kernel_w` elements; elements beyond the input are padding."""

    batches: int
    in_h: int
    in_w: int
    in_c: int
    out_h: int
    out_w: int
    kernel_h: int
    kernel_w: int
    stride_h: int
    stride_w: int
    dilation_h: int
    dilation_w: int
    pad_top: int
    pad_left: int

    @property
    def positions(self) -> int:
        """Output positions of all batches."""
        return self.batches * self.out_h * self.out_w

    @property
    def elements(self) -> int:
        """Elements under a window: kernel_h * kernel_w * in_c."""
        return self.kernel_h * self.kernel_w * self.in_c

    @property
    def is_pixels(self) -> bool:
        """Whether window i is just pixel i of the input."""
        return self.kernel_h == self.kernel_w == self.stride_h == self.stride_w == 1

    def patches(self, x: Int8Array, padding: int) -> Int8Array:
        """The elements under each window, elements in the order kernel_h, kernel_w, in_c.

        Args:
            x: int8[n, batches, in_h, in_w, in_c].
            padding: value of elements beyond the input.

        Returns:
            int8[n, positions, elements]
        """
        x = x.reshape(-1, self.in_h, self.in_w, self.in_c)
        if self.is_pixels:
            return x.reshape(-1, self.positions, self.in_c)
        reach_h, reach_w = self._reach(self.kernel_h, self.dilation_h), self._reach(self.kernel_w, self.dilation_w)
        bottom = max(0, (self.out_h - 1) * self.stride_h + reach_h - self.in_h - self.pad_top)
        right = max(0, (self.out_w - 1) * self.stride_w + reach_w - self.in_w - self.pad_left)
        around = ((0, 0), (self.pad_top, bottom), (self.pad_left, right), (0, 0))
        padded = np.pad(x, around, constant_values=padding)
        views = np.lib.stride_tricks.sliding_window_view(padded, (reach_h, reach_w), axis=(1, 2))
        views = views[:, :: self.stride_h, :: self.stride_w, :, :: self.dilation_h, :: self.dilation_w]
        views = views[:, : self.out_h, : self.out_w].transpose(0, 1, 2, 4, 5, 3)
        return np.ascontiguousarray(views).reshape(-1, self.positions, self.elements)

    def scatter(self, grad: FloatArray) -> FloatArray:
        """The transpose of `patches`: sums what came from one input element.

        Args:
            grad: float32[n, positions, elements].

        Returns:
            float32[n, batches, in_h, in_w, in_c]
        """
        n = len(grad)
        shape = (-1, self.out_h, self.out_w, self.kernel_h, self.kernel_w, self.in_c)
        elements = grad.reshape(shape)
        high = (self.out_h - 1) * self.stride_h + self._reach(self.kernel_h, self.dilation_h)
        wide = (self.out_w - 1) * self.stride_w + self._reach(self.kernel_w, self.dilation_w)
        high, wide = max(high, self.pad_top + self.in_h), max(wide, self.pad_left + self.in_w)
        padded = np.zeros((len(elements), high, wide, self.in_c), np.float32)
        for i in range(self.kernel_h):
            for j in range(self.kernel_w):
                top, left = i * self.dilation_h, j * self.dilation_w
                padded[
                    :,
                    top : top + (self.out_h - 1) * self.stride_h + 1 : self.stride_h,
                    left : left + (self.out_w - 1) * self.stride_w + 1 : self.stride_w,
                ] += elements[:, :, :, i, j]
        inner = padded[:, self.pad_top : self.pad_top + self.in_h, self.pad_left : self.pad_left + self.in_w]
        return inner.reshape(n, self.batches, self.in_h, self.in_w, self.in_c)

    @staticmethod
    def _reach(kernel: int, dilation: int) -> int:
        return (kernel - 1) * dilation + 1


def window(model: Model, op: Op) -> Window:
    """The windows of an op of `WINDOWED`; padding as TFLM's ComputePaddingHeightWidth.

    Raises:
        McueditError: shapes or options that no such op can have.
    """
    count = 1 if op.kind.endswith("POOL_2D") else 2
    needed = (*op.inputs, -1, -1)[:count]
    if not op.outputs or min(needed) < 0:
        raise _unfit(op, "an input, its weights or its output are missing")
    x, y = model.tensors[op.inputs[0]], model.tensors[op.outputs[0]]
    options = op.options
    if op.kind.endswith("POOL_2D"):
        kernel = int(options.get("filterHeight", 0)), int(options.get("filterWidth", 0))
        dilation = 1, 1
    else:
        weights = model.tensors[op.inputs[1]]
        kernel = (weights.shape[1], weights.shape[2]) if len(weights.shape) == 4 else (0, 0)
        dilation = int(options.get("dilationHFactor", 1)), int(options.get("dilationWFactor", 1))
    stride = int(options.get("strideH", 0)), int(options.get("strideW", 0))
    padding = options.get("padding", _SAME)
    if len(x.shape) != 4 or len(y.shape) != 4 or min(*x.shape, *y.shape, *kernel, *dilation, *stride) < 1:
        raise _unfit(op, f"input {list(x.shape)}, kernel {list(kernel)}, stride {list(stride)}")
    if padding not in (_SAME, _VALID):
        raise _unfit(op, f"padding {padding}")
    pads = []
    for i in (0, 1):
        reach = (kernel[i] - 1) * dilation[i] + 1
        size = x.shape[1 + i]
        out = -(-size // stride[i]) if padding == _SAME else -(-(size - reach + 1) // stride[i])
        if out != y.shape[1 + i] or x.shape[0] != y.shape[0]:
            raise _unfit(op, f"input {list(x.shape)} does not give output {list(y.shape)}")
        pads.append(max(0, (out - 1) * stride[i] + reach - size) // 2)
    return Window(
        x.shape[0], x.shape[1], x.shape[2], x.shape[3], y.shape[1], y.shape[2], *kernel, *stride, *dilation, *pads
    )


def _unfit(op: Op, what: str) -> McueditError:
    return McueditError(f"op {op.index} {op.kind}: {what}", AGAIN)
