/* SPDX-License-Identifier: Apache-2.0 */
#include "../core/dot.h"
#include "mcuedit/kernels.h"
#include "requantize.h"

/* The first tap that lands on an output row or column, and the input's that it lies on; the next are a stride apart. */
typedef struct {
    uint32_t tap;
    uint32_t at;
} first;

static first lands(uint32_t place, uint32_t stride)
{
    return (first){place % stride, place / stride};
}

/* Of one output element; what lies before the input has wrapped, and is beyond it as well. */
static int32_t sum_of(const mcuedit_transpose_conv *op, const int8_t *image, first down, first right, uint32_t channel)
{
    int32_t sum = op->bias[channel];
    uint32_t row = down.at;
    for (uint32_t i = down.tap; i < op->kernel_h; i += op->stride_h, row--) {
        uint32_t column = right.at;
        for (uint32_t j = right.tap; row < op->in_h && j < op->kernel_w; j += op->stride_w, column--) {
            if (column < op->in_w) {
                uint32_t tap = (channel * op->kernel_h + i) * op->kernel_w + j;
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
            first down = lands(y + op->pad_top, op->stride_h);
            for (uint32_t x = 0; x < op->out_w; x++) {
                first right = lands(x + op->pad_left, op->stride_w);
                for (uint32_t channel = 0; channel < op->out_c; channel++) {
                    int32_t sum = sum_of(op, input, down, right, channel);
                    mcuedit_requantize(&op->requant, channel, 1, &sum, output++);
                }
            }
        }
    }
}
