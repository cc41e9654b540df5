/* SPDX-License-Identifier: Apache-2.0 */
#include "../core/fixedpoint.h"
#include "strided.h"

#define FRACTION_BITS 7 /* of operands before they are rescaled to shares of twice the larger scale */

static int32_t rescaled(const mcuedit_operand *by, int32_t x)
{
    return mcuedit_mbqm((x - by->zero_point) * (1 << FRACTION_BITS), by->multiplier, by->shift);
}

void mcuedit_squared_difference_s8(const mcuedit_add *op, const int8_t *a, const int8_t *b, int8_t *output)
{
    int32_t zero = op->zero_point, lo = op->act_lo - zero, hi = op->act_hi - zero;
    mcuedit_at at = {0};
    do {
        const int8_t *x = a + at.a, *y = b + at.b;
        for (uint32_t n = op->count; n != 0; n--, x += op->a.step, y += op->b.step) {
            int32_t difference = rescaled(&op->a, *x) - rescaled(&op->b, *y);
            int32_t square = mcuedit_mbqm_any(difference * difference, op->multiplier, op->shift);
            *output++ = (int8_t)(mcuedit_clamp(square, lo, hi) + zero);
        }
    } while (mcuedit_loops_next(op->loops, op->depth, &at));
}
