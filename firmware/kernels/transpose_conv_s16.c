/* SPDX-License-Identifier: Apache-2.0 */
#include "matmul_s16.h"

static int64_t dot(const int8_t *weights, const int16_t *x, uint32_t n)
{
    int64_t sum = 0;
    for (; n != 0; n--) {
        sum += *weights++ * *x++;
    }
    return sum;
}

/*
 * Of the output element that lies at `down` and `right` of all windows: taps that land on it are a stride apart. What
 * lies before the input has wrapped, and is beyond it as well.
 */
static int64_t sum_of(const mcuedit_transpose_conv_16x8 *op, const int16_t *image, uint32_t down, uint32_t right,
                      uint32_t channel)
{
    int64_t sum = op->bias[channel];
    uint32_t row = down / op->stride_h;
    for (uint32_t i = down % op->stride_h; i < op->kernel_h; i += op->stride_h, row--) {
        uint32_t column = right / op->stride_w;
        for (uint32_t j = right % op->stride_w; row < op->in_h && j < op->kernel_w; j += op->stride_w, column--) {
            if (column < op->in_w) {
                uint32_t tap = (channel * op->kernel_h + i) * op->kernel_w + j;
                sum += dot(op->weights + tap * op->in_c, image + (row * op->in_w + column) * op->in_c, op->in_c);
            }
        }
    }
    return sum;
}

void mcuedit_transpose_conv_s16(const mcuedit_transpose_conv_16x8 *op, const void *input, void *output)
{
    const int16_t *image = input;
    int16_t *to = output;
    for (uint32_t n = op->batches; n != 0; n--, image += (uint32_t)op->in_h * op->in_w * op->in_c) {
        for (uint32_t y = 0; y < op->out_h; y++) {
            for (uint32_t x = 0; x < op->out_w; x++) {
                for (uint32_t channel = 0; channel < op->out_c; channel++) {
                    int64_t sum = sum_of(op, image, y + op->pad_top, x + op->pad_left, channel);
                    *to++ = mcuedit_requantize_s16(&op->requant, channel, sum);
                }
            }
        }
    }
}
