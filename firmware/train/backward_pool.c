/* SPDX-License-Identifier: Apache-2.0 */
/* Pools behind a trained op, with their gradients (SPEC.md, section 13); the twin is mcuedit/ondevice/backward.py. */
#include "factors.h"

typedef void spread(const int8_t *x, int32_t *acc, const uint32_t *places, uint32_t count, int32_t g);

/* Equal shares, in 64ths, for all under a window. */
static void to_all(const int8_t *x, int32_t *acc, const uint32_t *places, uint32_t count, int32_t g)
{
    (void)x;
    for (uint32_t i = 0; i < count; i++) {
        acc[places[i]] += g * 64 / (int32_t)count;
    }
}

/* All for the first largest. */
static void to_largest(const int8_t *x, int32_t *acc, const uint32_t *places, uint32_t count, int32_t g)
{
    uint32_t best = places[0];
    for (uint32_t i = 1; i < count; i++) {
        best = x[places[i]] > x[best] ? places[i] : best;
    }
    acc[best] += g;
}

/* Elements of one channel under a window that lie in the image; pools have no dilation. Returns how many. */
static uint32_t under(const mcuedit_window *window, uint32_t out_y, uint32_t out_x, uint32_t first, uint32_t *places)
{
    uint32_t count = 0, top = out_y * window->stride_h - window->pad_top; /* what is negative wraps beyond the image */
    uint32_t left = out_x * window->stride_w - window->pad_left;
    for (uint32_t y = top; y != top + window->kernel_h; y++) {
        for (uint32_t x = left; x != left + window->kernel_w; x++) {
            if (y < window->in_h && x < window->in_w) {
                places[count++] = first + (y * window->in_w + x) * window->in_c;
            }
        }
    }
    return count;
}

static void backward(const mcuedit_pool *op, const int8_t *x, const int8_t *y, const int32_t *g, int32_t *acc,
                     spread *spread_out)
{
    const mcuedit_window *window = op->window;
    uint32_t places[MCUEDIT_TRAIN_POOL], image = 0;
    for (uint32_t batch = window->batches; batch != 0; batch--) {
        for (uint32_t at = 0; at < (uint32_t)window->out_h * window->out_w; at++) {
            for (uint32_t channel = 0; channel < window->in_c; channel++, y++, g++) {
                int32_t passed = mcuedit_train_unclamped(*g, *y, op->act_lo, op->act_hi);
                if (passed != 0) {
                    uint32_t count = under(window, at / window->out_w, at % window->out_w, image + channel, places);
                    spread_out(x, acc, places, count, passed);
                }
            }
        }
        image += (uint32_t)window->in_h * window->in_w * window->in_c;
    }
}

void mcuedit_train_average_forward(const void *op, const int8_t *x, int8_t *y)
{
    mcuedit_average_pool_s8(op, x, y);
}

void mcuedit_train_average_backward(const void *op, const int8_t *x, const int8_t *y, int32_t *g, int32_t *acc)
{
    backward(op, x, y, g, acc, to_all);
}

void mcuedit_train_max_forward(const void *op, const int8_t *x, int8_t *y)
{
    mcuedit_max_pool_s8(op, x, y);
}

void mcuedit_train_max_backward(const void *op, const int8_t *x, const int8_t *y, int32_t *g, int32_t *acc)
{
    backward(op, x, y, g, acc, to_largest);
}
