/* SPDX-License-Identifier: Apache-2.0 */
#include "rows.h"

#include "dot4.h"
#include "requantize.h"

static void few_rows(const mcuedit_rows *op, uint32_t from, uint32_t to, const int8_t *x, int8_t *y)
{
    for (uint32_t i = from; i < to; i++) {
        int32_t sum = mcuedit_dot_s8(op->weights + i * op->n_in, x, op->n_in, op->bias[i]);
        mcuedit_requantize(&op->requant, i, 1, &sum, y + i);
    }
}

void mcuedit_rows_s8(const mcuedit_rows *op, uint32_t from, uint32_t to, const int8_t *x, int8_t *y)
{
    if (to - from < 4u) {
        few_rows(op, from, to, x, y);
        return;
    }
    uint32_t n = op->n_in, last = to - 4u;
    for (uint32_t i = from;;) {
        mcuedit_sums sums = mcuedit_dot4_s8(op->weights + i * n, n, x, n, op->bias + i);
        mcuedit_requantize4(&op->requant, i, sums, y + i);
        if (i == last) {
            return;
        }
        i = i + 4u < last ? i + 4u : last; /* the last four may overlap the ones before */
    }
}
