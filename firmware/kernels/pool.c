/* SPDX-License-Identifier: Apache-2.0 */
#include "cmsis_nn.h"
#include "../core/dot4.h"
#include "../core/fixedpoint.h"
#include "mcuedit/kernels.h"

#include <stdbool.h>

/* What lies under a window, of one channel: never nothing. */
typedef struct {
    const int8_t *first;
    uint32_t rows, columns;
    uint32_t row_step, column_step;
} area;

typedef int32_t reduction(const area *under);

/* Of a window's elements along one axis, those inside; `*first` is moved from the first element to the first such one.
 */
static uint32_t inside(int32_t *first, uint32_t kernel, uint32_t size)
{
    int32_t start = *first, end = start + (int32_t)kernel;
    *first = start < 0 ? 0 : start;
    return (uint32_t)((end < (int32_t)size ? end : (int32_t)size) - *first);
}

static area under_window(const mcuedit_window *window, const int8_t *image, uint32_t out_y, uint32_t out_x)
{
    uint32_t column_step = window->in_c, row_step = column_step * window->in_w;
    int32_t y = (int32_t)(out_y * window->stride_h) - window->pad_top;
    int32_t x = (int32_t)(out_x * window->stride_w) - window->pad_left;
    uint32_t rows = inside(&y, window->kernel_h, window->in_h), columns = inside(&x, window->kernel_w, window->in_w);
    const int8_t *first = image + (uint32_t)y * row_step + (uint32_t)x * column_step;
    if (columns == window->in_w) { /* whole rows, one after the other, are one long row */
        columns *= rows;
        rows = 1;
    }
    return (area){first, rows, columns, row_step, column_step};
}

#if defined(MCUEDIT_DOT_MVE)

#define FOURS_MAX UINT32_MAX /* elements */

/* The sums of four channels. */
static mcuedit_sums sum_fours(const area *under)
{
    const int8_t *row = under->first;
    int32x4_t sums = vdupq_n_s32(0);
    for (uint32_t y = under->rows; y != 0; y--, row += under->row_step) {
        const int8_t *value = row;
        for (uint32_t x = under->columns; x != 0; x--, value += under->column_step) {
            sums = vaddq_s32(sums, vldrbq_s32(value));
        }
    }
    return sums;
}

#elif defined(MCUEDIT_DOT_DSP)

#define FOURS_MAX 256u /* of them, no sum leaves its halfword */

static mcuedit_sums sum_fours(const area *under)
{
    const int8_t *row = under->first;
    int32_t even = 0, odd = 0, word;
    for (uint32_t y = under->rows; y != 0; y--, row += under->row_step) {
        const int8_t *value = row;
        for (uint32_t x = under->columns; x != 0; x--, value += under->column_step) {
            MCUEDIT_COPY(&word, value, sizeof(word));
            __asm__("sxtab16 %0, %0, %1" : "+r"(even) : "r"(word));
            __asm__("sxtab16 %0, %0, %1, ror #8" : "+r"(odd) : "r"(word));
        }
    }
    return (mcuedit_sums){{(int16_t)even, (int16_t)odd, even >> 16, odd >> 16}};
}

#endif

/* Ties away from zero. */
static inline int32_t divided(int32_t sum, int32_t count)
{
    return (sum + (sum > 0 ? count : -count) / 2) / count;
}

#ifdef FOURS_MAX

/* The means of so many channels of four each as there are; the number of channels done. */
static MCUEDIT_NOINLINE uint32_t average_fours(const mcuedit_pool *op, area under, int8_t *output)
{
    uint32_t count = under.rows * under.columns, done = 0;
    for (; count <= FOURS_MAX && op->window->in_c - done >= 4u; done += 4, under.first += 4) {
        int32_t sums[4];
        mcuedit_sums four = sum_fours(&under);
        MCUEDIT_COPY(sums, &four, sizeof(sums));
        for (uint32_t k = 0; k < 4; k++) {
            *output++ = (int8_t)mcuedit_clamp(divided(sums[k], (int32_t)count), op->act_lo, op->act_hi);
        }
    }
    return done;
}

#endif

static inline void pool(const mcuedit_pool *op, const int8_t *input, int8_t *output, reduction *reduce, bool averages)
{
    (void)averages;
    const mcuedit_window *window = op->window;
    for (uint32_t batch = window->batches; batch != 0; batch--) {
        for (uint32_t y = 0; y < window->out_h; y++) {
            for (uint32_t x = 0; x < window->out_w; x++) {
                area under = under_window(window, input, y, x);
                uint32_t channel = window->in_c;
#ifdef FOURS_MAX
                uint32_t done = averages ? average_fours(op, under, output) : 0;
                channel -= done;
                output += done;
                under.first += done;
#endif
                for (; channel != 0; channel--, under.first++) {
                    *output++ = (int8_t)mcuedit_clamp(reduce(&under), op->act_lo, op->act_hi);
                }
            }
        }
        input += (uint32_t)window->in_h * window->in_w * window->in_c;
    }
}

static int32_t average(const area *under)
{
    const int8_t *row = under->first;
    int32_t sum = 0, count = (int32_t)(under->rows * under->columns);
    for (uint32_t y = under->rows; y != 0; y--, row += under->row_step) {
        const int8_t *value = row;
        for (uint32_t x = under->columns; x != 0; x--, value += under->column_step) {
            sum += *value;
        }
    }
    return divided(sum, count);
}

static int32_t maximum(const area *under)
{
    const int8_t *row = under->first;
    int32_t max = -128;
    for (uint32_t y = under->rows; y != 0; y--, row += under->row_step) {
        const int8_t *value = row;
        for (uint32_t x = under->columns; x != 0; x--, value += under->column_step) {
            max = *value > max ? *value : max;
        }
    }
    return max;
}

void mcuedit_average_pool_s8(const mcuedit_pool *op, const int8_t *input, int8_t *output)
{
#if MCUEDIT_CMSIS_NN
    if (mcuedit_cmsis_average_pool(op, input, output)) {
        return;
    }
#endif
    pool(op, input, output, average, true);
}

void mcuedit_max_pool_s8(const mcuedit_pool *op, const int8_t *input, int8_t *output)
{
#if MCUEDIT_CMSIS_NN
    if (mcuedit_cmsis_max_pool(op, input, output)) {
        return;
    }
#endif
    pool(op, input, output, maximum, false);
}
