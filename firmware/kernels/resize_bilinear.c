/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuedit/kernels.h"

#define ONE (1 << 10) /* of a fraction between two pixels */

/* Weights of two pixels have the sum 1, so that no byte leaves int8; ties go away from zero. */
static void pixel(const int8_t *upper, const int8_t *lower, const int32_t *row, const int32_t *column, uint32_t depth,
                  int8_t *output)
{
    int32_t down = row[2], right = column[2];
    const int8_t *a = upper + column[0], *b = upper + column[1], *c = lower + column[0], *d = lower + column[1];
    for (uint32_t i = 0; i < depth; i++) {
        int32_t above = a[i] * (ONE - right) + b[i] * right, below = c[i] * (ONE - right) + d[i] * right;
        int32_t sum = above * (ONE - down) + below * down;
        output[i] = (int8_t)((sum + (sum > 0 ? ONE * ONE / 2 : -ONE * ONE / 2)) / (ONE * ONE));
    }
}

void mcuedit_resize_bilinear_s8(const mcuedit_resize *op, const int8_t *input, int8_t *output)
{
    for (uint32_t n = op->batches; n != 0; n--, input += op->image) {
        const int32_t *row = op->rows;
        for (uint32_t y = 0; y < op->out_h; y++, row += 3) {
            const int32_t *column = op->columns;
            for (uint32_t x = 0; x < op->out_w; x++, column += 3, output += op->depth) {
                pixel(input + row[0], input + row[1], row, column, op->depth, output);
            }
        }
    }
}
