/* SPDX-License-Identifier: Apache-2.0 */
#include "../core/fixedpoint.h"
#include "strided.h"

void mcuedit_mean_s8(const mcuedit_mean *op, const int8_t *input, int8_t *output)
{
    int32_t zero = op->output_zero_point, lo = -128 - zero, hi = 127 - zero;
    mcuedit_at kept = {0};
    do {
        int32_t sum = op->bias;
        mcuedit_at summed = {0};
        do {
            const int8_t *x = input + kept.a + summed.a;
            for (uint32_t n = op->count; n != 0; n--, x += op->step) {
                sum += *x;
            }
        } while (mcuedit_loops_next(op->summed, op->summed_depth, &summed));
        *output++ = (int8_t)(mcuedit_clamp(mcuedit_mbqm_any(sum, op->multiplier, op->shift), lo, hi) + zero);
    } while (mcuedit_loops_next(op->kept, op->kept_depth, &kept));
}
