/* SPDX-License-Identifier: Apache-2.0 */
#include "../core/fixedpoint.h"
#include "mcuedit/kernels16.h"
#include "strided.h"

void mcuedit_mean_s16(const mcuedit_mean *op, const void *input, void *output)
{
    const int16_t *from = input;
    int16_t *to = output;
    mcuedit_at kept = {0};
    do {
        int32_t sum = 0;
        mcuedit_at summed = {0};
        do {
            const int16_t *x = from + kept.a + summed.a;
            for (uint32_t n = op->count; n != 0; n--, x += op->step) {
                sum += *x;
            }
        } while (mcuedit_loops_next(op->summed, op->summed_depth, &summed));
        *to++ = (int16_t)mcuedit_clamp(mcuedit_mbqm_any(sum, op->multiplier, op->shift), INT16_MIN, INT16_MAX);
    } while (mcuedit_loops_next(op->kept, op->kept_depth, &kept));
}
