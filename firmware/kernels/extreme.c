/* SPDX-License-Identifier: Apache-2.0 */
#include "strided.h"

void mcuedit_extreme_s8(const mcuedit_extreme *op, const int8_t *a, const int8_t *b, int8_t *output)
{
    bool largest = op->largest != 0;
    mcuedit_at at = {0};
    do {
        const int8_t *x = a + at.a, *y = b + at.b;
        for (uint32_t n = op->count; n != 0; n--, x += op->a_step, y += op->b_step) {
            *output++ = (*x > *y) == largest ? *x : *y;
        }
    } while (mcuedit_loops_next(op->loops, op->depth, &at));
}
