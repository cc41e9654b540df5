/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuedit/kernels16.h"
#include "strided.h"

void mcuedit_extreme_s16(const mcuedit_mul_16 *op, const void *a, const void *b, void *output)
{
    const int16_t *first = a, *second = b;
    int16_t *to = output;
    mcuedit_at at = {0};
    do {
        const int16_t *x = first + at.a, *y = second + at.b;
        for (uint32_t n = op->count; n != 0; n--, x += op->a_step, y += op->b_step) {
            *to++ = (*x > *y) == (op->largest != 0) ? *x : *y;
        }
    } while (mcuedit_loops_next(op->loops, op->depth, &at));
}
