/* SPDX-License-Identifier: Apache-2.0 */
#include "../core/window.h"
#include "matmul_s16.h"

/* The channels of one group under a window: `size` of each of the elements, which lie `pitch` apart. */
static void gather_group(const int16_t *from, uint32_t elements, uint32_t pitch, uint32_t size, int16_t *to)
{
    for (; elements != 0; elements--, from += pitch - size) {
        for (uint32_t i = 0; i < size; i++) {
            *to++ = *from++;
        }
    }
}

static void conv_groups(const mcuedit_conv_2d_16x8 *op, const int16_t *elements, int16_t *output, int16_t *scratch)
{
    const mcuedit_window *window = op->window;
    uint32_t size = (uint32_t)window->in_c / op->groups;
    mcuedit_matmul_16x8 part = op->filters;
    part.n_out /= op->groups;
    for (uint32_t group = op->groups; group != 0; group--, elements += size, output += part.n_out) {
        gather_group(elements, (uint32_t)window->kernel_h * window->kernel_w, window->in_c, size, scratch);
        mcuedit_matmul_s16(&part, scratch, output);
        part.weights += part.n_out * part.n_in;
        part.bias += part.n_out;
        part.requant.multipliers += part.n_out * part.requant.per_channel;
        part.requant.shifts += part.n_out * part.requant.per_channel;
    }
}

void mcuedit_conv_2d_s16(const mcuedit_conv_2d_16x8 *op, const void *input, void *output, void *scratch)
{
    mcuedit_window bytes = *op->window; /* a window over bytes: padding is 0 in both of an element */
    bytes.in_c = (uint16_t)(2u * bytes.in_c);
    const int8_t *image = input;
    int16_t *to = output, *patch = scratch;
    uint32_t size = (uint32_t)bytes.kernel_h * bytes.kernel_w * op->window->in_c;
    for (uint32_t batch = bytes.batches; batch != 0; batch--) {
        for (uint32_t y = 0; y < bytes.out_h; y++) {
            for (uint32_t x = 0; x < bytes.out_w; x++) {
                const void *elements = mcuedit_window_patch(&bytes, image, y, x, 0, scratch);
                if (op->groups == 1u) {
                    mcuedit_matmul_s16(&op->filters, elements, to);
                } else {
                    conv_groups(op, elements, to, patch + size);
                }
                to += op->filters.n_out;
            }
        }
        image += (uint32_t)bytes.in_h * bytes.in_w * bytes.in_c;
    }
}
