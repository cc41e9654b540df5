/* SPDX-License-Identifier: Apache-2.0 */
#include "rows.h"

#include "dot4.h"
#include "requantize.h"

void mcuedit_rows_s8(const mcuedit_rows *op, uint32_t from, uint32_t to, const int8_t *x, int8_t *y)
{
    uint32_t n = op->n_in, count = to - from < 4u ? to - from : 4u;
    for (uint32_t i = from;;) {
        const int8_t *weights = op->weights + i * n;
        int32_t sums[4];
        if (count == 4u) {
            mcuedit_dot4_s8(weights, n, x, n, op->bias + i, sums);
        } else {
            for (uint32_t k = 0; k < count; k++, weights += n) {
                sums[k] = mcuedit_dot_s8(weights, x, n, op->bias[i + k]);
            }
        }
        mcuedit_requantize(&op->requant, i, count, sums, y + i);
        if (to - i <= 4u) {
            return;
        }
        i = to - i < 8u ? to - 4u : i + 4u; /* the last four overlap the ones before if they are no whole block */
    }
}
