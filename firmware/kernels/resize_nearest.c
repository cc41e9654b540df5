/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuedit/kernels.h"

void mcuedit_resize_nearest_s8(const mcuedit_resize *op, const int8_t *input, int8_t *output)
{
    uint32_t depth = op->depth;
    for (uint32_t n = op->batches; n != 0; n--, input += op->image) {
        for (uint32_t y = 0; y < op->out_h; y++) {
            const int8_t *row = input + op->rows[y];
            for (uint32_t x = 0; x < op->out_w; x++, output += depth) {
                MCUEDIT_COPY(output, row + op->columns[x], depth);
            }
        }
    }
}
