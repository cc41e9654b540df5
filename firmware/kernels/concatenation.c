/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuedit/kernels.h"

void mcuedit_concatenation_s8(const mcuedit_concatenation *op, const int8_t *const *inputs, int8_t *output)
{
    for (uint32_t position = 0; position < op->positions; position++) {
        for (uint32_t i = 0; i < op->count; i++) {
            uint32_t width = op->widths[i];
            MCUEDIT_COPY(output, inputs[i] + position * width, width);
            output += width;
        }
    }
}
