/* SPDX-License-Identifier: Apache-2.0 */
#include "../core/fixedpoint.h"
#include "mcuedit/kernels16.h"
#include "strided.h"

void mcuedit_squared_difference_s16(const mcuedit_add_16 *op, const void *a, const void *b, void *output)
{
    const int16_t *first = a, *second = b;
    int16_t *to = output;
    mcuedit_at at = {0};
    do {
        const int16_t *x = first + at.a, *y = second + at.b;
        for (uint32_t n = op->count; n != 0; n--, x += op->a_step, y += op->b_step) {
            int32_t difference = mcuedit_mbqm(*x, op->a_multiplier, op->a_shift);
            difference -= mcuedit_mbqm(*y, op->b_multiplier, op->b_shift);
            int32_t square = mcuedit_mbqm_any(difference * difference, op->multiplier, op->shift);
            *to++ = (int16_t)mcuedit_clamp(square, op->act_lo, op->act_hi);
        }
    } while (mcuedit_loops_next(op->loops, op->depth, &at));
}
