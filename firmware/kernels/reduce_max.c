/* SPDX-License-Identifier: Apache-2.0 */
#include "strided.h"

void mcuedit_reduce_max_s8(const mcuedit_mean *op, const int8_t *input, int8_t *output)
{
    mcuedit_at kept = {0};
    do {
        int8_t largest = -128;
        mcuedit_at reduced = {0};
        do {
            const int8_t *x = input + kept.a + reduced.a;
            for (uint32_t n = op->count; n != 0; n--, x += op->step) {
                largest = *x > largest ? *x : largest;
            }
        } while (mcuedit_loops_next(op->summed, op->summed_depth, &reduced));
        *output++ = largest;
    } while (mcuedit_loops_next(op->kept, op->kept_depth, &kept));
}
