/* SPDX-License-Identifier: Apache-2.0 */
#include "matmul_s16.h"
#include "strided.h"

static int64_t product(const mcuedit_batch_matmul_16 *op, const int16_t *a, const int16_t *b)
{
    int64_t sum = 0;
    for (uint32_t n = op->inner; n != 0; n--, a += op->a_step, b += op->b_step) {
        sum += *a * *b;
    }
    return sum;
}

void mcuedit_batch_matmul_s16(const mcuedit_batch_matmul_16 *op, const void *a, const void *b, void *output)
{
    const int16_t *first = a, *second = b;
    int16_t *to = output;
    mcuedit_at at = {0};
    do {
        const int16_t *row = first + at.a;
        for (uint32_t n = op->rows; n != 0; n--, row += op->a_row) {
            const int16_t *column = second + at.b;
            for (uint32_t k = op->columns; k != 0; k--, column += op->b_column) {
                int32_t y = mcuedit_mbqm64(product(op, row, column), op->multiplier, op->shift);
                *to++ = (int16_t)mcuedit_clamp(y, INT16_MIN, INT16_MAX);
            }
        }
    } while (mcuedit_loops_next(op->loops, op->depth, &at));
}
