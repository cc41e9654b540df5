/* SPDX-License-Identifier: Apache-2.0 */
#include "../core/fixedpoint.h"
#include "mcuedit/kernels.h"
#include "root.h"

void mcuedit_l2_normalization_s8(const mcuedit_l2_normalization *op, const int8_t *input, int8_t *output)
{
    for (uint32_t position = op->positions; position != 0; position--) {
        int32_t sum = 0, shift;
        for (uint32_t i = 0; i < op->depth; i++) {
            int32_t value = input[i] - op->zero_point;
            sum += value * value;
        }
        int32_t multiplier = mcuedit_inverse_root(sum, &shift);
        for (uint32_t i = 0; i < op->depth; i++) {
            int32_t scaled = mcuedit_mbqm_any(input[i] - op->zero_point, multiplier, shift + 7);
            output[i] = (int8_t)mcuedit_clamp(scaled, -128, 127);
        }
        input += op->depth;
        output += op->depth;
    }
}
