/* SPDX-License-Identifier: Apache-2.0 */
#include "../core/fixedpoint.h"
#include "strided.h"

static int32_t product(const mcuedit_batch_matmul *op, const int8_t *a, const int8_t *b)
{
    int32_t sum = 0;
    for (uint32_t n = op->inner; n != 0; n--, a += op->a_step, b += op->b_step) {
        sum += (*a - op->a_zero_point) * (*b - op->b_zero_point);
    }
    return sum;
}

void mcuedit_batch_matmul_s8(const mcuedit_batch_matmul *op, const int8_t *a, const int8_t *b, int8_t *output)
{
    int32_t zero = op->zero_point, lo = -128 - zero, hi = 127 - zero;
    mcuedit_at at = {0};
    do {
        const int8_t *row = a + at.a;
        for (uint32_t n = op->rows; n != 0; n--, row += op->a_row) {
            const int8_t *column = b + at.b;
            for (uint32_t k = op->columns; k != 0; k--, column += op->b_column) {
                int32_t scaled = mcuedit_mbqm_any(product(op, row, column), op->multiplier, op->shift);
                *output++ = (int8_t)(mcuedit_clamp(scaled, lo, hi) + zero);
            }
        }
    } while (mcuedit_loops_next(op->loops, op->depth, &at));
}
