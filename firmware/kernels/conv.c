/* SPDX-License-Identifier: Apache-2.0 */
#include "cmsis_nn.h"
#include "mcuedit/kernels.h"
#include "matmul.h"
#include "../core/window.h"

/* The channels of one group under a window: `size` of each of the elements, which lie `pitch` apart. */
static void gather_group(const int8_t *from, uint32_t elements, uint32_t pitch, uint32_t size, int8_t *to)
{
    for (; elements != 0; elements--, from += pitch - size) {
        for (uint32_t i = 0; i < size; i++) {
            *to++ = *from++;
        }
    }
}

static void conv_groups(const mcuedit_conv_2d *op, const int8_t *elements, int8_t *output, int8_t *scratch)
{
    const mcuedit_window *window = op->window;
    uint32_t size = window->in_c / op->groups;
    mcuedit_matmul part = op->filters;
    part.n_out /= op->groups;
    for (uint32_t group = op->groups; group != 0; group--, elements += size, output += part.n_out) {
        gather_group(elements, (uint32_t)window->kernel_h * window->kernel_w, window->in_c, size, scratch);
        mcuedit_matmul_s8(&part, scratch, output);
        part.weights += part.n_out * part.n_in;
        part.bias += part.n_out;
        part.requant.multipliers += part.n_out * part.requant.per_channel;
        part.requant.shifts += part.n_out * part.requant.per_channel;
    }
}

void mcuedit_conv_2d_s8(const mcuedit_conv_2d *op, const int8_t *input, int8_t *output, int8_t *scratch)
{
#if MCUEDIT_CMSIS_NN
    if (mcuedit_cmsis_conv_2d(op, input, output)) {
        return;
    }
#endif
    const mcuedit_window *window = op->window;
    uint32_t size = (uint32_t)window->kernel_h * window->kernel_w * window->in_c;
    for (uint32_t batch = window->batches; batch != 0; batch--) {
        for (uint32_t y = 0; y < window->out_h; y++) {
            for (uint32_t x = 0; x < window->out_w; x++) {
                const int8_t *elements = mcuedit_window_patch(window, input, y, x, op->input_zero_point, scratch);
                if (op->groups == 1u) {
                    mcuedit_matmul_s8(&op->filters, elements, output);
                } else {
                    conv_groups(op, elements, output, scratch + size);
                }
                output += op->filters.n_out;
            }
        }
        input += (uint32_t)window->in_h * window->in_w * window->in_c;
    }
}
