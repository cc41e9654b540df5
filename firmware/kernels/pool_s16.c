/* SPDX-License-Identifier: Apache-2.0 */
#include "../core/fixedpoint.h"
#include "mcuedit/kernels16.h"

typedef struct {
    int32_t sum, max, count;
} seen;

/* What lies under one window, in one channel. */
static seen under(const mcuedit_window *window, const int16_t *image, uint32_t out_y, uint32_t out_x)
{
    seen found = {0, INT16_MIN, 0};
    uint32_t y = out_y * window->stride_h - window->pad_top, left = out_x * window->stride_w - window->pad_left;
    for (uint32_t i = window->kernel_h; i != 0; i--, y++) { /* negative ones wrap beyond */
        uint32_t x = left;
        for (uint32_t j = window->kernel_w; j != 0; j--, x++) {
            if (y < window->in_h && x < window->in_w) {
                int32_t value = image[(y * window->in_w + x) * window->in_c];
                found.sum += value;
                found.max = value > found.max ? value : found.max;
                found.count++;
            }
        }
    }
    return found;
}

static void pool(const mcuedit_pool_16 *op, const int16_t *image, int16_t *output, uint32_t is_average)
{
    const mcuedit_window *window = op->window;
    for (uint32_t batch = window->batches; batch != 0; batch--) {
        for (uint32_t y = 0; y < window->out_h; y++) {
            for (uint32_t x = 0; x < window->out_w; x++) {
                for (uint32_t c = 0; c < window->in_c; c++) {
                    seen all = under(window, image + c, y, x);
                    int32_t half = all.sum > 0 ? all.count / 2 : -(all.count / 2);
                    int32_t value = is_average ? (all.sum + half) / all.count : all.max;
                    *output++ = (int16_t)mcuedit_clamp(value, op->act_lo, op->act_hi);
                }
            }
        }
        image += (uint32_t)window->in_h * window->in_w * window->in_c;
    }
}

void mcuedit_average_pool_s16(const mcuedit_pool_16 *op, const void *input, void *output)
{
    pool(op, input, output, 1);
}

void mcuedit_max_pool_s16(const mcuedit_pool_16 *op, const void *input, void *output)
{
    pool(op, input, output, 0);
}
