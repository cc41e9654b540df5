/* SPDX-License-Identifier: Apache-2.0 */
#include "../core/fixedpoint.h"
#include "mcuedit/kernels16.h"

static int32_t rescaled(const mcuedit_rescale_16 *op, int32_t x)
{
    int32_t zero = op->output_zero_point; /* added last: the sum cannot leave int32 */
    x = mcuedit_mbqm_any(x - op->input_zero_point, op->multiplier, op->shift);
    return mcuedit_clamp(x, op->lo - zero, op->hi - zero) + zero;
}

void mcuedit_rescale_s8_s16(const mcuedit_rescale_16 *op, const int8_t *input, void *output)
{
    int16_t *to = output;
    for (uint32_t n = op->size; n != 0; n--) {
        *to++ = (int16_t)rescaled(op, *input++);
    }
}

void mcuedit_rescale_s16_s8(const mcuedit_rescale_16 *op, const void *input, int8_t *output)
{
    const int16_t *from = input;
    for (uint32_t n = op->size; n != 0; n--) {
        *output++ = (int8_t)rescaled(op, *from++);
    }
}

void mcuedit_rescale_s16(const mcuedit_rescale_16 *op, const void *input, void *output)
{
    const int16_t *from = input;
    int16_t *to = output;
    for (uint32_t n = op->size; n != 0; n--) {
        *to++ = (int16_t)rescaled(op, *from++);
    }
}
