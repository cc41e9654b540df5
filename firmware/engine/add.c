/* SPDX-License-Identifier: Apache-2.0 */
#include "fixedpoint.h"
#include "loops.h"

/* An operand in units of its share of twice the larger input scale, as Q11.20. */
static int32_t scaled(const mcuedit_operand *operand, int32_t value)
{
    return mcuedit_mbqm((value - operand->zero_point) * (1 << 20), operand->multiplier, operand->shift);
}

void mcuedit_add_s8(const mcuedit_add *op, const int8_t *a, const int8_t *b, int8_t *output)
{
    mcuedit_at at = {0};
    do {
        const int8_t *x = a + at.a, *y = b + at.b;
        for (uint32_t n = op->count; n != 0; n--, x += op->a.step, y += op->b.step) {
            int32_t sum = scaled(&op->a, *x) + op->sign * scaled(&op->b, *y);
            int32_t result = mcuedit_mbqm(sum, op->multiplier, op->shift) + op->zero_point;
            *output++ = (int8_t)mcuedit_clamp(result, op->act_lo, op->act_hi);
        }
    } while (mcuedit_loops_next(op->loops, op->depth, &at));
}
