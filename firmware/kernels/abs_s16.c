/* SPDX-License-Identifier: Apache-2.0 */
#include "../core/fixedpoint.h"
#include "mcuedit/kernels16.h"

#define MOST 32767

void mcuedit_abs_s16(const mcuedit_rescale_16 *op, const void *input, void *output)
{
    const int16_t *from = input;
    int16_t *to = output;
    for (uint32_t n = op->size; n != 0; n--) {
        int32_t x = *from++;
        int32_t y = mcuedit_mbqm_any(x < 0 ? -x : x, op->multiplier, op->shift);
        *to++ = (int16_t)(y < MOST ? y : MOST);
    }
}
