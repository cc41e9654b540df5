/* SPDX-License-Identifier: Apache-2.0 */
#include "../core/fixedpoint.h"
#include "strided.h"

void mcuedit_mul_s8(const mcuedit_mul *op, const int8_t *a, const int8_t *b, int8_t *output)
{
    /* Clamped before the zero point is added: the sum cannot leave int32. */
    int32_t zero = op->zero_point, lo = op->act_lo - zero, hi = op->act_hi - zero;
    mcuedit_at at = {0};
    do {
        const int8_t *x = a + at.a, *y = b + at.b;
        for (uint32_t n = op->count; n != 0; n--, x += op->a_step, y += op->b_step) {
            int32_t product = (*x - op->a_zero_point) * (*y - op->b_zero_point);
            *output++ = (int8_t)(mcuedit_clamp(mcuedit_mbqm_any(product, op->multiplier, op->shift), lo, hi) + zero);
        }
    } while (mcuedit_loops_next(op->loops, op->depth, &at));
}
