/* SPDX-License-Identifier: Apache-2.0 */
#include "../core/fixedpoint.h"
#include "strided.h"

/* The dividend goes as far left as it can before it is multiplied, so that no bit of the quotient is lost. */
static int32_t quotient(const mcuedit_div *op, int32_t dividend, int32_t divisor)
{
    int32_t reciprocal = op->reciprocals[divisor + 128];
    if (reciprocal < 0) {
        dividend = -dividend;
        reciprocal = -reciprocal;
    }
    if (dividend == 0) {
        return 0;
    }
    uint32_t bits = (uint32_t)dividend;
    int32_t shift = op->shifts[divisor + 128];
    while (((bits ^ bits << 1) >> 31) == 0) {
        bits <<= 1;
        shift--;
    }
    return mcuedit_mbqm(mcuedit_high_mul((int32_t)bits, reciprocal), op->multiplier, shift);
}

void mcuedit_div_s8(const mcuedit_div *op, const int8_t *a, const int8_t *b, int8_t *output)
{
    int32_t zero = op->zero_point, lo = op->act_lo - zero, hi = op->act_hi - zero;
    mcuedit_at at = {0};
    do {
        const int8_t *x = a + at.a, *y = b + at.b;
        for (uint32_t n = op->count; n != 0; n--, x += op->a_step, y += op->b_step) {
            *output++ = (int8_t)(mcuedit_clamp(quotient(op, *x - op->a_zero_point, *y), lo, hi) + zero);
        }
    } while (mcuedit_loops_next(op->loops, op->depth, &at));
}
