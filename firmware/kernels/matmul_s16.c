/* SPDX-License-Identifier: Apache-2.0 */
#include "matmul_s16.h"

/* Products are at most 2^22: so many of them are summed in 32 bits. */
#define AT_ONCE 256u

void mcuedit_matmul_s16(const mcuedit_matmul_16x8 *op, const int16_t *x, int16_t *y)
{
    const int8_t *w = op->weights;
    for (uint32_t i = 0; i < op->n_out; i++) {
        int64_t sum = op->bias[i];
        const int16_t *from = x;
        for (uint32_t left = op->n_in; left != 0;) {
            uint32_t n = left < AT_ONCE ? left : AT_ONCE;
            int32_t part = 0;
            left -= n;
            for (; n != 0; n--) {
                part += *w++ * *from++;
            }
            sum += part;
        }
        y[i] = mcuedit_requantize_s16(&op->requant, i, sum);
    }
}
