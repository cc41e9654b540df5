/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taps beyond the input count nothing, hence the zero point is taken off each tap inside instead of the sum. Output
 * channels are worked on in blocks of up to four, whose input channels are four neighbours (multiplier 1) or one.
 */
#include "dot.h"
#include "mcuedit/engine.h"
#include "requantize.h"

/* The part of a window that is inside the input. Strides are in elements. */
typedef struct {
    const int8_t *x; /* at its first tap; so is w */
    const int8_t *w;
    uint32_t high, wide; /* taps */
    uint32_t x_down, x_right, w_down, w_right;
} inside;

/* A block of output channels: w and x of its first one lie so many elements behind those of channel 0. */
typedef struct {
    uint32_t channel, source;
    uint32_t count;
    uint32_t step; /* from a channel's x to the next one's: 1 or 0 */
} block;

#ifdef MCUEDIT_DOT_MVE

static inline void convolve(const mcuedit_depthwise_conv_2d *op, const inside *in, const block *at, int8_t *y)
{
    mve_pred16_t some = vctp32q(at->count);
    int32x4_t sums = vldrwq_z_s32(op->bias + at->channel, some);
    const int8_t *x_row = in->x + at->source, *w_row = in->w + at->channel;
    for (uint32_t i = in->high; i != 0; i--, x_row += in->x_down, w_row += in->w_down) {
        const int8_t *x = x_row, *w = w_row;
        for (uint32_t j = in->wide; j != 0; j--, x += in->x_right, w += in->w_right) {
            int32x4_t xs = at->step ? vldrbq_z_s32(x, some) : vdupq_n_s32(*x);
            xs = vsubq_n_s32(xs, op->input_zero_point);
            sums = vaddq_s32(sums, vmulq_s32(xs, vldrbq_z_s32(w, some)));
        }
    }
    mcuedit_requantize_mve(&op->requant, at->channel, some, sums, y + at->channel);
}

#else

static void add_taps(const inside *in, const block *at, int32_t zero, int32_t *sums)
{
    const int8_t *x_row = in->x + at->source, *w_row = in->w + at->channel;
    for (uint32_t i = in->high; i != 0; i--, x_row += in->x_down, w_row += in->w_down) {
        const int8_t *x = x_row, *w = w_row;
        for (uint32_t j = in->wide; j != 0; j--, x += in->x_right, w += in->w_right) {
            for (uint32_t k = 0; k < at->count; k++) {
                sums[k] += (x[k * at->step] - zero) * w[k];
            }
        }
    }
}

#ifdef MCUEDIT_DOT_DSP

/*
 * Four neighbouring channels. SXTAB16 takes the zero point off while it splits the bytes. A loop of the assembly runs
 * over taps that lie equally far apart in x and w: all in a line, or one alone where the window is dilated. Compilers
 * must keep twelve registers for it, which gcc 12 cannot within a larger function; loading x twice saves the
 * thirteenth.
 */
static __attribute__((noinline)) void add_taps_of_four(const inside *in, const block *at, int32_t zero, int32_t *sums)
{
    int32_t sum0 = sums[0], sum1 = sums[1], sum2 = sums[2], sum3 = sums[3];
    uint32_t less = ((uint32_t)-zero & 0xFFFFu) * 0x10001u, step = in->w_right, p, q, t;
    uint32_t run = in->x_right == step ? in->wide : 1u, size = run * step;
    const int8_t *x_row = in->x + at->source + size, *w_row = in->w + at->channel + size;
    for (uint32_t i = in->high; i != 0; i--, x_row += in->x_down, w_row += in->w_down) {
        const int8_t *x = x_row, *w = w_row;
        for (uint32_t j = in->wide; j != 0; j -= run, x += in->x_right, w += step) {
            uint32_t offset = 0u - size;
            __asm__ volatile("1:\n\t"
                             "ldr     %[q], [%[w], %[offset]]\n\t"
                             "ldr     %[p], [%[x], %[offset]]\n\t"
                             "sxtb16  %[t], %[q]\n\t"
                             "sxtab16 %[p], %[less], %[p]\n\t"
                             "smlabb  %[sum0], %[p], %[t], %[sum0]\n\t"
                             "smlatt  %[sum2], %[p], %[t], %[sum2]\n\t"
                             "ldr     %[p], [%[x], %[offset]]\n\t"
                             "sxtb16  %[q], %[q], ror #8\n\t"
                             "sxtab16 %[p], %[less], %[p], ror #8\n\t"
                             "smlabb  %[sum1], %[p], %[q], %[sum1]\n\t"
                             "smlatt  %[sum3], %[p], %[q], %[sum3]\n\t"
                             "adds    %[offset], %[offset], %[step]\n\t"
                             "bne     1b"
                             : [offset] "+r"(offset), [sum0] "+r"(sum0), [sum1] "+r"(sum1), [sum2] "+r"(sum2),
                               [sum3] "+r"(sum3), [p] "=&r"(p), [q] "=&r"(q), [t] "=&r"(t)
                             : [x] "r"(x), [w] "r"(w), [step] "r"(step), [less] "r"(less)
                             : "cc", "memory");
        }
    }
    sums[0] = sum0;
    sums[1] = sum1;
    sums[2] = sum2;
    sums[3] = sum3;
}

#endif

static inline void convolve(const mcuedit_depthwise_conv_2d *op, const inside *in, const block *at, int8_t *y)
{
    int32_t sums[4];
    for (uint32_t k = 0; k < at->count; k++) {
        sums[k] = op->bias[at->channel + k];
    }
#ifdef MCUEDIT_DOT_DSP
    if (at->step != 0 && at->count == 4u) {
        add_taps_of_four(in, at, op->input_zero_point, sums);
    } else
#endif
    {
        add_taps(in, at, op->input_zero_point, sums);
    }
    mcuedit_requantize(&op->requant, at->channel, at->count, sums, y + at->channel);
}

#endif

static void convolve_all(const mcuedit_depthwise_conv_2d *op, const inside *in, int8_t *y)
{
    uint32_t in_c = op->window->in_c, multiplier = op->multiplier, runs = multiplier == 1u ? 1u : in_c;
    uint32_t size = multiplier == 1u ? in_c : multiplier;
    block at = {.count = size < 4u ? size : 4u, .step = multiplier == 1u};
    for (uint32_t run = 0; run < runs; run++) {
        for (uint32_t i = 0;;) {
            at.channel = run * size + i;
            at.source = at.step ? i : run;
            convolve(op, in, &at, y);
            if (size - i <= 4u) {
                break;
            }
            i = size - i < 8u ? size - 4u : i + 4u; /* overlaps the block before if it would be none of four */
        }
    }
}

/* The taps `*first` to the result - 1 of a window that starts at `at` are inside 0..size - 1. */
static uint32_t clip(int32_t at, uint32_t kernel, uint32_t dilation, uint32_t size, uint32_t *first)
{
    uint32_t from = 0, to = kernel;
    while (from < to && at + (int32_t)(from * dilation) < 0) {
        from++;
    }
    while (from < to && at + (int32_t)((to - 1u) * dilation) >= (int32_t)size) {
        to--;
    }
    *first = from;
    return to;
}

void mcuedit_depthwise_conv_2d_s8(const mcuedit_depthwise_conv_2d *op, const int8_t *input, int8_t *output)
{
    const mcuedit_window *window = op->window;
    uint32_t in_c = window->in_c, out_c = in_c * op->multiplier, line = window->in_w * in_c;
    inside in = {.x_down = window->dilation_h * line,
                 .x_right = window->dilation_w * in_c,
                 .w_down = window->kernel_w * out_c,
                 .w_right = out_c};
    for (uint32_t batch = window->batches; batch != 0; batch--, input += window->in_h * line) {
        for (uint32_t y = 0; y < window->out_h; y++) {
            int32_t top = (int32_t)(y * window->stride_h) - window->pad_top;
            uint32_t i, j;
            in.high = clip(top, window->kernel_h, window->dilation_h, window->in_h, &i);
            in.high -= i;
            for (uint32_t x = 0; x < window->out_w; x++, output += out_c) {
                int32_t left = (int32_t)(x * window->stride_w) - window->pad_left;
                in.wide = clip(left, window->kernel_w, window->dilation_w, window->in_w, &j);
                in.wide -= j;
                in.x = input + (top + (int32_t)(i * window->dilation_h)) * (int32_t)line +
                       (left + (int32_t)(j * window->dilation_w)) * (int32_t)in_c;
                in.w = op->weights + i * in.w_down + j * out_c;
                convolve_all(op, &in, output);
            }
        }
    }
}
