/* SPDX-License-Identifier: Apache-2.0 */
#include "../core/dot.h"
#include "mcuedit/kernels.h"
#include "requantize.h"

/* Of one output element: the taps that land on it, each on one input pixel. */
static int32_t sum_at(const mcuedit_transpose_conv *op, const int8_t *image, uint32_t y, uint32_t x, uint32_t channel)
{
    int32_t sum = op->bias[channel];
    uint32_t tap = channel * op->kernel_h * op->kernel_w;
    for (uint32_t i = 0; i < op->kernel_h; i++) {
        for (uint32_t j = 0; j < op->kernel_w; j++, tap++) {
            uint32_t down = y + op->pad_top - i, right = x + op->pad_left - j; /* wrapped where it lies before */
            if (down % op->stride_h != 0 || right % op->stride_w != 0 || y + op->pad_top < i || x + op->pad_left < j) {
                continue;
            }
            uint32_t row = down / op->stride_h, column = right / op->stride_w;
            if (row < op->in_h && column < op->in_w) {
                const int8_t *pixel = image + (row * op->in_w + column) * op->in_c;
                sum = mcuedit_dot_s8(op->weights + tap * op->in_c, pixel, op->in_c, sum + op->offsets[tap]);
            }
        }
    }
    return sum;
}

void mcuedit_transpose_conv_s8(const mcuedit_transpose_conv *op, const int8_t *input, int8_t *output)
{
    uint32_t image = (uint32_t)op->in_h * op->in_w * op->in_c;
    for (uint32_t n = op->batches; n != 0; n--, input += image) {
        for (uint32_t y = 0; y < op->out_h; y++) {
            for (uint32_t x = 0; x < op->out_w; x++) {
                for (uint32_t channel = 0; channel < op->out_c; channel++) {
                    int32_t sum = sum_at(op, input, y, x, channel);
                    mcuedit_requantize(&op->requant, channel, 1, &sum, output++);
                }
            }
        }
    }
}
