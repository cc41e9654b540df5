/* SPDX-License-Identifier: Apache-2.0 */
#include "strided.h"

void mcuedit_copy_s8(const mcuedit_copy *op, const int8_t *input, int8_t *output)
{
    mcuedit_at at = {0};
    MCUEDIT_FILL(output, op->fill, op->fill_size);
    do {
        const int8_t *from = input + op->input_first + at.a;
        int8_t *to = output + op->output_first + at.b;
        for (uint32_t n = op->count; n != 0; n--, from += op->input_step, to += op->output_step) {
            *to = *from;
        }
    } while (mcuedit_loops_next(op->loops, op->depth, &at));
}
