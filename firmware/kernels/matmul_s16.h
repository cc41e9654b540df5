/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUEDIT_MATMUL_S16_H
#define MCUEDIT_MATMUL_S16_H

#include "../core/fixedpoint.h"
#include "mcuedit/kernels16.h"

/* sum + w . x */
int64_t mcuedit_dot_16x8(const int8_t *w, const int16_t *x, uint32_t n, int64_t sum);

/* x: n_in elements; y: n_out. */
void mcuedit_matmul_s16(const mcuedit_matmul_16x8 *op, const int16_t *x, int16_t *y);

/* A sum below 2^47 by a multiplier of 16 bits, rounded once. */
static inline int32_t mcuedit_mbqm64(int64_t sum, int32_t m, int32_t s)
{
    uint32_t right = (uint32_t)(15 - s);
    return (int32_t)((sum * m + (INT64_C(1) << (right - 1u))) >> right);
}

/* One channel's output. */
static inline int16_t mcuedit_requantize_s16(const mcuedit_requant_s16 *to, uint32_t channel, int64_t sum)
{
    channel *= to->per_channel;
    int32_t m = to->multipliers[channel], s = to->shifts[channel];
    int32_t y = to->is_long ? mcuedit_mbqm64(sum, m, s) : mcuedit_mbqm_any((int32_t)sum, m, s);
    return (int16_t)mcuedit_clamp(y, to->act_lo, to->act_hi);
}

#endif
