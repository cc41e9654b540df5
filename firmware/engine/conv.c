/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuedit/engine.h"
#include "rows.h"
#include "window.h"

/* The channels of one group under a window: `size` of each of the taps, which lie `pitch` apart. */
static void gather_group(const int8_t *from, uint32_t taps, uint32_t pitch, uint32_t size, int8_t *to)
{
    for (; taps != 0; taps--, from += pitch - size) {
        for (uint32_t i = 0; i < size; i++) {
            *to++ = *from++;
        }
    }
}

static void conv_position(const mcuedit_conv_2d *op, const int8_t *taps, int8_t *output, int8_t *scratch)
{
    const mcuedit_window *window = op->window;
    uint32_t n_taps = (uint32_t)window->kernel_h * window->kernel_w, n_out = op->filters.n_out / op->groups;
    uint32_t size = window->in_c / op->groups;
    for (uint32_t group = 0; group < op->groups; group++) {
        const int8_t *x = taps;
        if (op->groups != 1u) {
            gather_group(taps + group * size, n_taps, window->in_c, size, scratch);
            x = scratch;
        }
        mcuedit_rows_s8(&op->filters, group * n_out, (group + 1u) * n_out, x, output);
    }
}

void mcuedit_conv_2d_s8(const mcuedit_conv_2d *op, const int8_t *input, int8_t *output, int8_t *scratch)
{
    const mcuedit_window *window = op->window;
    uint32_t size = (uint32_t)window->kernel_h * window->kernel_w * window->in_c;
    for (uint32_t batch = window->batches; batch != 0; batch--) {
        for (uint32_t y = 0; y < window->out_h; y++) {
            for (uint32_t x = 0; x < window->out_w; x++) {
                const int8_t *taps = mcuedit_window_patch(window, input, y, x, op->input_zero_point, scratch);
                conv_position(op, taps, output, scratch + size);
                output += op->filters.n_out;
            }
        }
        input += (uint32_t)window->in_h * window->in_w * window->in_c;
    }
}
