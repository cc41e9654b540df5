/* SPDX-License-Identifier: Apache-2.0 */
#include "../core/dot.h"
#include "../core/fixedpoint.h"
#include "mcuedit/kernels.h"

/* What a filter gives now goes behind what it gave before; the weighted sum of all, which wraps as TFLM's. */
static uint32_t remembered16(const mcuedit_svdf *op, const int16_t *time, int16_t *state, int32_t now)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i + 1 < op->memory; i++) {
        state[i] = state[i + 1];
        sum += (uint32_t)(time[i] * state[i]);
    }
    state[op->memory - 1] = (int16_t)mcuedit_clamp(now, INT16_MIN, INT16_MAX);
    return sum + (uint32_t)(time[op->memory - 1] * state[op->memory - 1]);
}

/* The same with a state of int8, whose zero point is added without another clamp. */
static uint32_t remembered8(const mcuedit_svdf *op, const int16_t *time, int8_t *state, int32_t now)
{
    uint32_t sum = 0;
    int32_t zero = op->state_zero_point;
    for (uint32_t i = 0; i + 1 < op->memory; i++) {
        state[i] = state[i + 1];
        sum += (uint32_t)(time[i] * (state[i] - zero));
    }
    state[op->memory - 1] = (int8_t)(mcuedit_clamp(now, INT8_MIN, INT8_MAX) + zero);
    return sum + (uint32_t)(time[op->memory - 1] * (state[op->memory - 1] - zero));
}

void mcuedit_svdf_s8(const mcuedit_svdf *op, const int8_t *input, int8_t *output, void *state)
{
    int8_t *narrow = state;
    int16_t *wide = state;
    for (uint32_t batch = op->batches; batch != 0; batch--, input += op->n_in) {
        uint32_t filter = 0;
        for (uint32_t unit = 0; unit < op->units; unit++) {
            uint32_t total = (uint32_t)op->bias[unit];
            for (uint32_t n = op->rank; n != 0; n--, filter++, narrow += op->memory, wide += op->memory) {
                int32_t sum = mcuedit_dot_s8(op->feature + filter * op->n_in, input, op->n_in, op->offset[filter]);
                int32_t now = mcuedit_mbqm_any(sum, op->in_multiplier, op->in_shift);
                const int16_t *time = op->time + filter * op->memory;
                total += op->wide != 0 ? remembered16(op, time, wide, now) : remembered8(op, time, narrow, now);
            }
            int32_t scaled = mcuedit_mbqm_any((int32_t)total, op->out_multiplier, op->out_shift);
            *output++ = (int8_t)(mcuedit_clamp(scaled, -128 - op->zero_point, 127 - op->zero_point) + op->zero_point);
        }
    }
}
