/* SPDX-License-Identifier: Apache-2.0 */
#include "matmul_s16.h"

/* Products are at most 2^22: so many of them are summed in 32 bits. */
#define AT_ONCE 256u

int64_t mcuedit_dot_16x8(const int8_t *w, const int16_t *x, uint32_t n, int64_t sum)
{
    while (n != 0) {
        uint32_t now = n < AT_ONCE ? n : AT_ONCE;
        int32_t part = 0;
        n -= now;
        for (; now != 0; now--) {
            part += *w++ * *x++;
        }
        sum += part;
    }
    return sum;
}

void mcuedit_matmul_s16(const mcuedit_matmul_16x8 *op, const int16_t *x, int16_t *y)
{
    for (uint32_t i = 0; i < op->n_out; i++) {
        int64_t sum = mcuedit_dot_16x8(op->weights + i * op->n_in, x, op->n_in, op->bias[i]);
        y[i] = mcuedit_requantize_s16(&op->requant, i, sum);
    }
}
