/* SPDX-License-Identifier: Apache-2.0 */
#include "matmul.h"

#include "../core/dot4.h"
#include "requantize.h"

static void one_by_one(const mcuedit_matmul *op, const int8_t *x, int8_t *y)
{
    for (uint32_t i = 0; i < op->n_out; i++) {
        int32_t sum = mcuedit_dot_s8(op->weights + i * op->n_in, x, op->n_in, op->bias[i]);
        mcuedit_requantize(&op->requant, i, 1, &sum, y + i);
    }
}

#if MCUEDIT_FAST_MATMUL
static void by_fours(const mcuedit_matmul *op, const int8_t *x, int8_t *y)
{
    for (uint32_t i = 0, n = op->n_in, last = op->n_out - 4u;;) {
        mcuedit_sums sums = mcuedit_dot4_s8(op->weights + i * n, n, x, n, op->bias + i);
        mcuedit_requantize4(&op->requant, i, sums, y + i);
        if (i == last) {
            return;
        }
        i = i + 4u < last ? i + 4u : last; /* the last four may overlap the ones before */
    }
}
#endif

void mcuedit_matmul_s8(const mcuedit_matmul *op, const int8_t *x, int8_t *y)
{
#if MCUEDIT_FAST_MATMUL
    if (op->n_out >= 4u) {
        by_fours(op, x, y);
        return;
    }
#endif
    one_by_one(op, x, y);
}
