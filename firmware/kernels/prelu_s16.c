/* SPDX-License-Identifier: Apache-2.0 */
#include "../core/fixedpoint.h"
#include "mcuedit/kernels16.h"
#include "strided.h"

void mcuedit_prelu_s16(const mcuedit_prelu_16 *op, const void *a, const int8_t *b, void *output)
{
    const int16_t *first = a;
    int16_t *to = output;
    mcuedit_at at = {0};
    do {
        const int16_t *x = first + at.a;
        const int8_t *slope = b + at.b;
        for (uint32_t n = op->count; n != 0; n--, x += op->a_step, slope += op->b_step) {
            int32_t y = *x >= 0
                            ? mcuedit_mbqm_any(*x, op->multiplier, op->shift)
                            : mcuedit_mbqm_any(*x * (*slope - op->b_zero_point), op->below_multiplier, op->below_shift);
            *to++ = (int16_t)mcuedit_clamp(y, op->act_lo, op->act_hi);
        }
    } while (mcuedit_loops_next(op->loops, op->depth, &at));
}
