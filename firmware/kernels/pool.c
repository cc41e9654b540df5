/* SPDX-License-Identifier: Apache-2.0 */
#include "../core/fixedpoint.h"
#include "mcuedit/kernels.h"

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

static inline void pool(const mcuedit_pool *op, const int8_t *input, int8_t *output, reduction *reduce)
{
    const mcuedit_window *window = op->window;
    for (uint32_t batch = window->batches; batch != 0; batch--) {
        for (uint32_t y = 0; y < window->out_h; y++) {
            for (uint32_t x = 0; x < window->out_w; x++) {
                area under = under_window(window, input, y, x);
                for (uint32_t channel = window->in_c; channel != 0; channel--, under.first++) {
                    *output++ = (int8_t)mcuedit_clamp(reduce(&under), op->act_lo, op->act_hi);
                }
            }
        }
        input += (uint32_t)window->in_h * window->in_w * window->in_c;
    }
}

/* Ties away from zero. */
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
    return (sum + (sum > 0 ? count : -count) / 2) / count;
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
    pool(op, input, output, average);
}

void mcuedit_max_pool_s8(const mcuedit_pool *op, const int8_t *input, int8_t *output)
{
    pool(op, input, output, maximum);
}
