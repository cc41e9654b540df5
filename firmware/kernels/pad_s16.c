/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuedit/kernels16.h"

void mcuedit_pad_s16(const mcuedit_pad_16 *op, const void *input, void *output)
{
    int16_t *to = output;
    for (uint32_t n = op->size; n != 0; n--) {
        *to++ = op->fill;
    }
    mcuedit_copy_s8(&op->copy, input, output);
}
