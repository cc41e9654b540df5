/* SPDX-License-Identifier: Apache-2.0 */
#include "../core/fixedpoint.h"
#include "strided.h"

#define FRACTION_BITS 20 /* of operands before they are rescaled to shares of twice the larger scale */

/* An MBQM of |x| < 2^30 whose shift is prepared: ties away from zero are half up, a negative number less by 1 before.
 */
typedef struct {
    int32_t multiplier, half, less;
    uint32_t shift;
} rescaling;

static rescaling prepared(int32_t multiplier, int32_t shift)
{
    int32_t half = (int32_t)((UINT32_C(1) << -shift) >> 1);
    return (rescaling){multiplier, half, half != 0 ? -1 : 0, (uint32_t)-shift};
}

static inline int32_t rescaled(const rescaling *by, int32_t x)
{
    int32_t high = mcuedit_high_mul(x, by->multiplier);
    return (high + by->half + (high >> 31 & by->less)) >> by->shift;
}

void mcuedit_add_s8(const mcuedit_add *op, const int8_t *a, const int8_t *b, int8_t *output)
{
    const rescaling of_a = prepared(op->a.multiplier, op->a.shift), of_b = prepared(op->b.multiplier, op->b.shift);
    const rescaling of_sum = prepared(op->multiplier, op->shift);
    const int32_t one = 1 << FRACTION_BITS, a_zero = op->a.zero_point * one, b_zero = op->b.zero_point * one;
    const uint32_t a_step = op->a.step, b_step = op->b.step;
    mcuedit_at at = {0};
    do {
        const int8_t *x = a + at.a, *y = b + at.b;
        for (const int8_t *end = output + op->count; output != end; x += a_step, y += b_step) {
            int32_t sum = rescaled(&of_a, *x * one - a_zero) + op->sign * rescaled(&of_b, *y * one - b_zero);
            *output++ = (int8_t)mcuedit_clamp(rescaled(&of_sum, sum) + op->zero_point, op->act_lo, op->act_hi);
        }
    } while (mcuedit_loops_next(op->loops, op->depth, &at));
}
