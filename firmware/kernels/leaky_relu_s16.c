/* SPDX-License-Identifier: Apache-2.0 */
#include "../core/fixedpoint.h"
#include "mcuedit/kernels16.h"

void mcuedit_leaky_relu_s16(const mcuedit_leaky_relu_16 *op, const void *input, void *output)
{
    const int16_t *from = input;
    int16_t *to = output;
    for (uint32_t n = op->size; n != 0; n--) {
        int32_t x = *from++;
        int32_t y = x >= 0 ? mcuedit_mbqm_any(x, op->multiplier, op->shift)
                           : op->below_sign * mcuedit_mbqm_any(x, op->below_multiplier, op->below_shift);
        *to++ = (int16_t)mcuedit_clamp(y, op->lo, op->hi);
    }
}

void mcuedit_clamp_s16(const mcuedit_leaky_relu_16 *op, const void *input, void *output)
{
    const int16_t *from = input;
    int16_t *to = output;
    for (uint32_t n = op->size; n != 0; n--) {
        *to++ = (int16_t)mcuedit_clamp(*from++, op->lo, op->hi);
    }
}
