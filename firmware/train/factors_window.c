/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CONV_2D of any windows as the op that is trained (SPEC.md, section 13): a sample is what lies under each of its
 * windows, gathered once, so that training meets plain positions.
 */
#include "mcuedit/train_factors.h"
#include "../core/window.h"

void mcuedit_train_factors_gather(const mcuedit_train_factors *factors, const int8_t *x, int8_t *sample)
{
    const mcuedit_op *op = &factors->base->ops[factors->op];
    const mcuedit_window *window = op->window;
    for (uint32_t batch = window->batches; batch != 0; batch--) {
        for (uint32_t out_y = 0; out_y < window->out_h; out_y++) {
            for (uint32_t out_x = 0; out_x < window->out_w; out_x++, sample += op->n_in) {
                const int8_t *elements = mcuedit_window_patch(window, x, out_y, out_x, op->input_zero_point, sample);
                for (uint32_t i = 0; elements != sample && i < op->n_in; i++) {
                    sample[i] = elements[i];
                }
            }
        }
        x += (uint32_t)window->in_h * window->in_w * window->in_c;
    }
}

void mcuedit_train_gathered_forward(const void *op, const int8_t *x, int8_t *y)
{
    const mcuedit_conv_2d *conv = op;
    const mcuedit_window *window = conv->window;
    mcuedit_fully_connected matmul = {.matrix = conv->filters};
    matmul.positions = (uint32_t)window->batches * window->out_h * window->out_w;
    mcuedit_fully_connected_s8(&matmul, x, y);
}
