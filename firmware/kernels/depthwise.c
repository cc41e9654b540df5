/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Elements beyond the input count nothing, hence the zero point is taken off each element inside instead of the sum.
 * Output channels are worked on one by one, or, where BLOCK of them read as many neighbouring input channels, in blocks
 * and in a way of each core's own.
 */
#include <stdbool.h>

#include "cmsis_nn.h"
#include "../core/dot.h"
#include "mcuedit/kernels.h"
#include "requantize.h"

/* The part of a window that is inside the input. Strides are in elements. */
typedef struct {
    const int8_t *x; /* at its first element; so is w */
    const int8_t *w;
    uint32_t high, wide; /* elements */
    uint32_t x_down, x_right, w_down, w_right;
} inside;

#if defined(MCUEDIT_DOT_MVE)

#define BLOCK 8u

/* A element of eight channels: products of halfwords, the even channels apart from the odd ones. */
#define ADD_ELEMENT(offset, evens, odds)      \
    "vldrb.s16  q0, [%[x], " offset "]\n\t"   \
    "vldrb.s16  q1, [%[w], " offset "]\n\t"   \
    "vsub.i16   q0, q0, %[zero]\n\t"          \
    "vmullb.s16 q2, q0, q1\n\t"               \
    "vmullt.s16 q0, q0, q1\n\t"               \
    "vadd.i32   " evens ", " evens ", q2\n\t" \
    "vadd.i32   " odds ", " odds ", q0\n\t"

#define ADD_ELEMENTS(element)                                \
    "1:\n\t"                                                 \
    "wls        lr, %[wide], 3f\n"                           \
    "2:\n\t" element "add        %[x], %[x], %[x_right]\n\t" \
    "add        %[w], %[w], %[w_right]\n\t"                  \
    "le         lr, 2b\n"                                    \
    "3:\n\t"                                                 \
    "add        %[x], %[x], %[x_next]\n\t"                   \
    "add        %[w], %[w], %[w_next]\n\t"                   \
    "subs       %[high], %[high], #1\n\t"                    \
    "bne        1b\n\t"

/*
 * Sums over all elements of eight or sixteen channels, and their biases. In assembly because gcc 12 moves the sums to
 * and fro, and out of line because it finds no registers for that within a larger function.
 */
static MCUEDIT_NOINLINE void add_elements(const mcuedit_depthwise_conv_2d *op, const inside *in, uint32_t channel,
                                          bool sixteen, int32_t *sums)
{
    const int32_t *bias = op->bias + channel;
    int32_t zero = op->input_zero_point;
    const int8_t *x = in->x + channel, *w = in->w + channel;
    uint32_t high = in->high != 0 ? in->high : 1u, wide = in->high != 0 ? in->wide : 0;
    uint32_t x_next = in->x_down - wide * in->x_right, w_next = in->w_down - wide * in->w_right;
    if (sixteen) {
        __asm__ volatile("vld20.32   {q3, q4}, [%[bias]]\n\t"
                         "vld21.32   {q3, q4}, [%[bias]]!\n\t"
                         "vld20.32   {q5, q6}, [%[bias]]\n\t"
                         "vld21.32   {q5, q6}, [%[bias]]\n" ADD_ELEMENTS(ADD_ELEMENT("#0", "q3", "q4") ADD_ELEMENT(
                             "#8", "q5", "q6")) "vst20.32   {q3, q4}, [%[sums]]\n\t"
                                                "vst21.32   {q3, q4}, [%[sums]]!\n\t"
                                                "vst20.32   {q5, q6}, [%[sums]]\n\t"
                                                "vst21.32   {q5, q6}, [%[sums]]"
                         : [x] "+l"(x), [w] "+l"(w), [high] "+r"(high), [sums] "+r"(sums), [bias] "+r"(bias)
                         : [wide] "r"(wide), [x_right] "r"(in->x_right), [w_right] "r"(in->w_right),
                           [x_next] "r"(x_next), [w_next] "r"(w_next), [zero] "r"(zero)
                         : "lr", "q0", "q1", "q2", "q3", "q4", "q5", "q6", "cc", "memory");
    } else {
        __asm__ volatile(
            "vld20.32   {q3, q4}, [%[bias]]\n\t"
            "vld21.32   {q3, q4}, [%[bias]]\n" ADD_ELEMENTS(
                ADD_ELEMENT("#0", "q3", "q4")) "vst20.32   {q3, q4}, [%[sums]]\n\t"
                                               "vst21.32   {q3, q4}, [%[sums]]"
            : [x] "+l"(x), [w] "+l"(w), [high] "+r"(high)
            : [wide] "r"(wide), [x_right] "r"(in->x_right), [w_right] "r"(in->w_right), [x_next] "r"(x_next),
              [w_next] "r"(w_next), [zero] "r"(zero), [sums] "r"(sums), [bias] "r"(bias)
            : "lr", "q0", "q1", "q2", "q3", "q4", "cc", "memory");
    }
}

/* Eight channels, sixteen where there are as many; so many were done. */
static uint32_t convolve_block(const mcuedit_depthwise_conv_2d *op, const inside *in, uint32_t channel, int8_t *y)
{
    int32_t sums[16];
    bool sixteen = op->window->in_c - channel >= 16u;
    uint32_t size = sixteen ? 16u : 8u, step = op->requant.per_channel != 0 ? 4u : 0;
    const int32_t *m = op->requant.multipliers + channel * op->requant.per_channel;
    const int8_t *s = op->requant.shifts + channel * op->requant.per_channel;
    int32_t zero = op->requant.zero_point;
    bool no_saturation = op->requant.no_saturation != 0;
    add_elements(op, in, channel, sixteen, sums);
    y += channel;
    for (uint32_t k = 0; k != size; k += 4, m += step, s += step) {
        if (no_saturation) {
            mcuedit_requantized4(vldrwq_s32(sums + k), vldrwq_s32(m), vldrbq_s32(s), zero, y + k);
        } else {
            mcuedit_requantize4_slow(&op->requant, vldrwq_s32(sums + k), vldrwq_s32(m), vldrbq_s32(s), y + k);
        }
    }
    return size;
}

#elif defined(MCUEDIT_DOT_DSP) && !defined(__clang__)

#define BLOCK 4u

/*
 * SXTAB16 takes the zero point off while it splits the bytes. The assembly runs over lines of elements that lie equally
 * far apart in x and w: all of a line, or one alone where the window is dilated. Twelve registers are all that gcc 12
 * finds for it, and only in a function of its own: hence x is loaded twice, and what a line needs once lies on the
 * stack. clang finds fewer, and takes the sums in C.
 */
static uint32_t convolve_block(const mcuedit_depthwise_conv_2d *op, const inside *in, uint32_t channel, int8_t *y)
{
    const int32_t *bias = op->bias + channel;
    int32_t sum0 = bias[0], sum1 = bias[1], sum2 = bias[2], sum3 = bias[3];
    uint32_t less = ((uint32_t)-op->input_zero_point & 0xFFFFu) * 0x10001u, step = in->w_right, offset, p, q, t;
    uint32_t run = in->x_right == step ? in->wide : 1u, start = 0u - run * step;
    uint32_t x_down = in->x_down, w_down = in->w_down;
    const int8_t *x_run = in->x + channel + run * step, *w_run = in->w + channel + run * step;
    for (uint32_t i = in->high != 0 ? in->wide : 0; i != 0; i -= run, x_run += in->x_right, w_run += step) {
        const int8_t *x = x_run, *w = w_run;
        uint32_t lines = in->high;
        __asm__ volatile(
            "1:\n\t"
            "ldr     %[offset], %[start]\n"
            "2:\n\t"
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
            "bne     2b\n\t"
            "ldr     %[p], %[x_down]\n\t"
            "ldr     %[q], %[w_down]\n\t"
            "ldr     %[t], %[lines]\n\t"
            "add     %[x], %[x], %[p]\n\t"
            "add     %[w], %[w], %[q]\n\t"
            "subs    %[t], %[t], #1\n\t"
            "str     %[t], %[lines]\n\t"
            "bne     1b"
            : [x] "+r"(x), [w] "+r"(w), [sum0] "+r"(sum0), [sum1] "+r"(sum1), [sum2] "+r"(sum2), [sum3] "+r"(sum3),
              [lines] "+m"(lines), [offset] "=&r"(offset), [p] "=&r"(p), [q] "=&r"(q), [t] "=&r"(t)
            : [step] "r"(step), [less] "r"(less), [start] "m"(start), [x_down] "m"(x_down), [w_down] "m"(w_down)
            : "cc", "memory");
    }
    mcuedit_sums sums = {{sum0, sum1, sum2, sum3}};
    mcuedit_requantize4(&op->requant, channel, sums, y + channel);
    return BLOCK;
}

#else

#define BLOCK 4u

static uint32_t convolve_block(const mcuedit_depthwise_conv_2d *op, const inside *in, uint32_t channel, int8_t *y)
{
    const int32_t *bias = op->bias + channel;
    int32_t zero = op->input_zero_point, sum0 = bias[0], sum1 = bias[1], sum2 = bias[2], sum3 = bias[3];
    const int8_t *x_row = in->x + channel, *w_row = in->w + channel;
    for (uint32_t i = in->high; i != 0; i--, x_row += in->x_down, w_row += in->w_down) {
        const int8_t *x = x_row, *w = w_row;
        for (uint32_t j = in->wide; j != 0; j--, x += in->x_right, w += in->w_right) {
            sum0 += (x[0] - zero) * w[0];
            sum1 += (x[1] - zero) * w[1];
            sum2 += (x[2] - zero) * w[2];
            sum3 += (x[3] - zero) * w[3];
        }
    }
    mcuedit_sums sums = {{sum0, sum1, sum2, sum3}};
    mcuedit_requantize4(&op->requant, channel, sums, y + channel);
    return BLOCK;
}

#endif

/* One output channel, which reads input channel `source`. */
static void convolve_one(const mcuedit_depthwise_conv_2d *op, const inside *in, uint32_t channel, uint32_t source,
                         int8_t *y)
{
    int32_t zero = op->input_zero_point, sum = op->bias[channel];
    const int8_t *x_row = in->x + source, *w_row = in->w + channel;
    for (uint32_t i = in->high; i != 0; i--, x_row += in->x_down, w_row += in->w_down) {
        const int8_t *x = x_row, *w = w_row;
        for (uint32_t j = in->wide; j != 0; j--, x += in->x_right, w += in->w_right) {
            sum += (*x - zero) * *w;
        }
    }
    mcuedit_requantize(&op->requant, channel, 1, &sum, y + channel);
}

/* Out of line, and no more than this: gcc 12 finds no registers for the assembly within a larger function. */
static MCUEDIT_NOINLINE void convolve_blocks(const mcuedit_depthwise_conv_2d *op, const inside *in, int8_t *y)
{
    for (uint32_t channel = 0, in_c = op->window->in_c;;) {
        channel += convolve_block(op, in, channel, y);
        if (channel == in_c) {
            return;
        }
        channel = channel + BLOCK < in_c ? channel : in_c - BLOCK; /* the last block may overlap the one before */
    }
}

static void convolve(const mcuedit_depthwise_conv_2d *op, const inside *in, int8_t *y)
{
    if (op->multiplier == 1u && op->window->in_c >= BLOCK) {
        convolve_blocks(op, in, y);
        return;
    }
    for (uint32_t source = 0, channel = 0; source < op->window->in_c; source++) {
        for (uint32_t i = op->multiplier; i != 0; i--, channel++) {
            convolve_one(op, in, channel, source, y);
        }
    }
}

/* The elements `*first` to the result - 1 of a window that starts at `at` are inside 0..size - 1. */
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
#if MCUEDIT_CMSIS_NN
    if (mcuedit_cmsis_depthwise_conv_2d(op, input, output)) {
        return;
    }
#endif
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
                convolve(op, &in, output);
            }
        }
    }
}
