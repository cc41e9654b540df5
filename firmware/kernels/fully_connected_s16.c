/* SPDX-License-Identifier: Apache-2.0 */
#include "matmul_s16.h"

void mcuedit_fully_connected_s16(const mcuedit_fully_connected_16x8 *op, const void *input, void *output)
{
    const int16_t *x = input;
    int16_t *y = output;
    for (uint32_t position = op->positions; position != 0; position--) {
        mcuedit_matmul_s16(&op->matrix, x, y);
        x += op->matrix.n_in;
        y += op->matrix.n_out;
    }
}
