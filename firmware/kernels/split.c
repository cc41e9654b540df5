/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuedit/kernels.h"

void mcuedit_split_s8(const mcuedit_split *op, const int8_t *input, int8_t *const *outputs)
{
    for (uint32_t position = 0; position < op->positions; position++) {
        for (uint32_t i = 0; i < op->count; i++) {
            uint32_t width = op->widths[i];
            MCUEDIT_COPY(outputs[i] + position * width, input, width);
            input += width;
        }
    }
}
