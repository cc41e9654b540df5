/* SPDX-License-Identifier: Apache-2.0 */
#include "dot.h"
#include "fixedpoint.h"
#include "mcuedit/engine.h"

void mcuedit_fully_connected_s8(const mcuedit_fully_connected *op, const int8_t *input, int8_t *output)
{
    /* Clamped before the zero point is added: the sum cannot leave int32. */
    int32_t zero = op->output_zero_point, lo = op->act_lo - zero, hi = op->act_hi - zero;
    for (uint32_t row = 0; row < op->rows; row++, input += op->n_in) {
        const int8_t *weights = op->weights;
        const int32_t *multiplier = op->multipliers;
        const int8_t *shift = op->shifts;
        for (uint32_t i = 0; i < op->n_out; i++, weights += op->n_in) {
            int32_t sum = mcuedit_dot_s8(weights, input, op->n_in, op->bias ? op->bias[i] : 0);
            *output++ = (int8_t)(mcuedit_clamp(mcuedit_mbqm_any(sum, *multiplier, *shift), lo, hi) + zero);
            multiplier += op->per_channel;
            shift += op->per_channel;
        }
    }
}
