/* SPDX-License-Identifier: Apache-2.0 */
#include "matmul_s16.h"

/* One channel under one window. */
static int64_t summed(const mcuedit_depthwise_conv_2d_16x8 *op, const int16_t *image, int32_t top, int32_t left,
                      uint32_t channel)
{
    const mcuedit_window *window = op->window;
    uint32_t channels = (uint32_t)window->in_c * op->multiplier, y = (uint32_t)top; /* negative ones wrap beyond */
    const int8_t *w = op->weights + channel;
    int64_t sum = op->bias[channel];
    image += channel / op->multiplier;
    for (uint32_t i = window->kernel_h; i != 0; i--, y += window->dilation_h) {
        uint32_t x = (uint32_t)left;
        for (uint32_t j = window->kernel_w; j != 0; j--, x += window->dilation_w, w += channels) {
            if (y < window->in_h && x < window->in_w) {
                sum += *w * image[(y * window->in_w + x) * window->in_c];
            }
        }
    }
    return sum;
}

void mcuedit_depthwise_conv_2d_s16(const mcuedit_depthwise_conv_2d_16x8 *op, const void *input, void *output)
{
    const mcuedit_window *window = op->window;
    const int16_t *image = input;
    int16_t *to = output;
    for (uint32_t batch = window->batches; batch != 0; batch--) {
        for (uint32_t y = 0; y < window->out_h; y++) {
            for (uint32_t x = 0; x < window->out_w; x++) {
                int32_t top = (int32_t)(y * window->stride_h) - window->pad_top;
                int32_t left = (int32_t)(x * window->stride_w) - window->pad_left;
                for (uint32_t c = 0; c < (uint32_t)window->in_c * op->multiplier; c++) {
                    *to++ = mcuedit_requantize_s16(&op->requant, c, summed(op, image, top, left, c));
                }
            }
        }
        image += (uint32_t)window->in_h * window->in_w * window->in_c;
    }
}
