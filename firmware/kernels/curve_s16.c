/* SPDX-License-Identifier: Apache-2.0 */
#include "curve.h"
#include "mcuedit/kernels16.h"

/* An element in steps of 1 / (3 * 4096). */
static int32_t argument(const mcuedit_curve_16 *op, int32_t x)
{
    return (x * op->factor + (int32_t)((UINT32_C(1) << op->shift) >> 1)) >> op->shift;
}

void mcuedit_logistic_s16(const mcuedit_curve_16 *op, const void *input, void *output)
{
    const int16_t *from = input;
    int16_t *to = output;
    for (uint32_t n = op->size; n != 0; n--) {
        *to++ = mcuedit_sigmoid_s16(op->table, argument(op, *from++));
    }
}

void mcuedit_tanh_s16(const mcuedit_curve_16 *op, const void *input, void *output)
{
    const int16_t *from = input;
    int16_t *to = output;
    for (uint32_t n = op->size; n != 0; n--) {
        *to++ = mcuedit_hyperbolic_s16(op->table, argument(op, *from++));
    }
}
