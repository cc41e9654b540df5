/* SPDX-License-Identifier: Apache-2.0 */
#include "../core/fixedpoint.h"
#include "strided.h"

void mcuedit_prelu_s8(const mcuedit_prelu *op, const int8_t *a, const int8_t *b, int8_t *output)
{
    int32_t zero = op->zero_point, lo = op->act_lo - zero, hi = op->act_hi - zero;
    mcuedit_at at = {0};
    do {
        const int8_t *x = a + at.a, *slope = b + at.b;
        for (uint32_t n = op->count; n != 0; n--, x += op->a_step, slope += op->b_step) {
            int32_t value = *x - op->a_zero_point, scaled;
            if (value >= 0) {
                scaled = mcuedit_mbqm_any(value, op->multiplier, op->shift);
            } else {
                int32_t product = value * (*slope - op->b_zero_point);
                scaled = mcuedit_mbqm_any(product, op->below_multiplier, op->below_shift);
            }
            *output++ = (int8_t)(mcuedit_clamp(scaled, lo, hi) + zero);
        }
    } while (mcuedit_loops_next(op->loops, op->depth, &at));
}
