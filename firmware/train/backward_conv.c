/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolutions behind a trained op, with their gradients (SPEC.md, section 13); the twin is
 * mcuedit/ondevice/backward.py. CONV_2D's forward takes scratch: generated code has it.
 */
#include "backward.h"
#include "train_math.h"

/* What one window's gradient adds at `count` elements from `element` on, whose elements lie one after the other in
 * `acc`. */
typedef void back(const void *op, uint32_t element, uint32_t count, const int32_t *g, int32_t *acc);

/* `acc`: of the image. */
static void back_window(const void *op, const mcuedit_window *window, uint32_t out_y, uint32_t out_x, const int32_t *g,
                        int32_t *acc, back *back_elements)
{
    uint32_t y = out_y * window->stride_h - window->pad_top; /* what is negative wraps beyond the image */
    uint32_t left = out_x * window->stride_w - window->pad_left;
    for (uint32_t i = 0; i < window->kernel_h; i++, y += window->dilation_h) {
        uint32_t x = left, count;
        for (uint32_t j = 0; y < window->in_h && j < window->kernel_w; j += count, x += count * window->dilation_w) {
            count = 1;
            if (x < window->in_w) {
                if (window->dilation_w == 1u) {
                    uint32_t elements = window->kernel_w - j, pixels = window->in_w - x;
                    count = elements < pixels ? elements : pixels;
                }
                back_elements(op, i * window->kernel_w + j, count, g, acc + (y * window->in_w + x) * window->in_c);
            }
        }
    }
}

static void backward(const void *op, const mcuedit_window *window, uint32_t channels, const int32_t *g, int32_t *acc,
                     back *back_elements)
{
    for (uint32_t batch = window->batches; batch != 0; batch--) {
        for (uint32_t y = 0; y < window->out_h; y++) {
            for (uint32_t x = 0; x < window->out_w; x++, g += channels) {
                back_window(op, window, y, x, g, acc, back_elements);
            }
        }
        acc += (uint32_t)window->in_h * window->in_w * window->in_c;
    }
}

/* The gradient by all outputs becomes that by their sums. */
static void at_sums(const mcuedit_requant *to, const mcuedit_window *window, uint32_t channels, const int8_t *y,
                    int32_t *g)
{
    int32_t top = mcuedit_train_top(to, channels);
    for (uint32_t positions = (uint32_t)window->batches * window->out_h * window->out_w; positions != 0; positions--) {
        for (uint32_t i = 0; i < channels; i++, g++, y++) {
            *g = mcuedit_train_at_sum(to, top, i, *g, *y);
        }
    }
}

static void back_conv(const void *op, uint32_t element, uint32_t count, const int32_t *g, int32_t *acc)
{
    const mcuedit_conv_2d *conv = op;
    const mcuedit_matmul *filters = &conv->filters;
    uint32_t size = conv->window->in_c;
    for (uint32_t i = 0; i < filters->n_out; i++) {
        if (g[i] != 0) {
            mcuedit_train_add(acc, filters->weights + i * filters->n_in + element * size, g[i], count * size);
        }
    }
}

void mcuedit_train_conv_backward(const void *op, const int8_t *x, const int8_t *y, int32_t *g, int32_t *acc)
{
    const mcuedit_conv_2d *conv = op;
    (void)x;
    at_sums(&conv->filters.requant, conv->window, conv->filters.n_out, y, g);
    backward(op, conv->window, conv->filters.n_out, g, acc, back_conv);
}

static void back_depthwise(const void *op, uint32_t element, uint32_t count, const int32_t *g, int32_t *acc)
{
    const mcuedit_depthwise_conv_2d *conv = op;
    uint32_t in_c = conv->window->in_c;
    const int8_t *w = conv->weights + element * in_c * conv->multiplier;
    for (; count != 0; count--) {
        const int32_t *from = g;
        for (uint32_t channel = in_c; channel != 0; channel--, acc++) {
            for (uint32_t i = conv->multiplier; i != 0; i--) {
                *acc += *from++ * *w++;
            }
        }
    }
}

void mcuedit_train_depthwise_forward(const void *op, const int8_t *x, int8_t *y)
{
    mcuedit_depthwise_conv_2d_s8(op, x, y);
}

void mcuedit_train_depthwise_backward(const void *op, const int8_t *x, const int8_t *y, int32_t *g, int32_t *acc)
{
    const mcuedit_depthwise_conv_2d *conv = op;
    uint32_t channels = (uint32_t)conv->window->in_c * conv->multiplier;
    (void)x;
    at_sums(&conv->requant, conv->window, channels, y, g);
    backward(op, conv->window, channels, g, acc, back_depthwise);
}
