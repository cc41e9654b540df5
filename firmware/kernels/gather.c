/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuedit/kernels.h"

void mcuedit_gather_s8(const mcuedit_gather *op, const int8_t *input, int8_t *output)
{
    uint32_t width = op->width;
    for (uint32_t row = op->rows; row != 0; row--, input += op->stride) {
        for (uint32_t i = 0; i < op->count; i++, output += width) {
            MCUEDIT_COPY(output, input + op->positions[i] * width, width);
        }
    }
}
