/* SPDX-License-Identifier: Apache-2.0 */
#include "../core/fixedpoint.h"
#include "mcuedit/kernels16.h"
#include "strided.h"

#define LEFT 32768 /* an operand is multiplied by it before it is rescaled */

void mcuedit_add_s16(const mcuedit_add_16 *op, const void *a, const void *b, void *output)
{
    const int16_t *first = a, *second = b;
    int16_t *to = output;
    mcuedit_at at = {0};
    do {
        const int16_t *x = first + at.a, *y = second + at.b;
        for (uint32_t n = op->count; n != 0; n--, x += op->a_step, y += op->b_step) {
            int32_t sum = mcuedit_mbqm(*x * LEFT, op->a_multiplier, op->a_shift);
            sum += op->sign * mcuedit_mbqm(*y * LEFT, op->b_multiplier, op->b_shift);
            *to++ = (int16_t)mcuedit_clamp(mcuedit_mbqm(sum, op->multiplier, op->shift), op->act_lo, op->act_hi);
        }
    } while (mcuedit_loops_next(op->loops, op->depth, &at));
}
