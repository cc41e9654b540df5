/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUEDIT_REQUANTIZE_H
#define MCUEDIT_REQUANTIZE_H

/* From sums to outputs: clamp(MBQM(sum, m, s), act_lo - zero, act_hi - zero) + zero, which cannot leave int32. */

#include "dot.h"
#include "fixedpoint.h"
#include "mcuedit/engine.h"

#ifdef MCUEDIT_DOT_MVE

/*
 * At most four channels from `channel` on. VQRDMULH is the first rounding; VRSHL is the second one but for ties of
 * negative numbers, which it rounds up: these are made less by 1 before. Left shifts wrap, as in mcuedit_mbqm_any.
 */
static inline void mcuedit_requantize_mve(const mcuedit_requant *to, uint32_t channel, mve_pred16_t some,
                                          int32x4_t sums, int8_t *y)
{
    int32x4_t multiplier = vdupq_n_s32(to->multipliers[0]), shift = vdupq_n_s32(to->shifts[0]);
    if (to->per_channel) {
        multiplier = vldrwq_z_s32(to->multipliers + channel, some);
        shift = vldrbq_z_s32(to->shifts + channel, some);
    }
    int32x4_t zero = vdupq_n_s32(0), right = vminq_s32(shift, zero);
    int32x4_t high = vqrdmulhq_s32(vshlq_s32(sums, vmaxq_s32(shift, zero)), multiplier);
    high = vrshlq_s32(vqaddq_s32(high, vshrq_n_s32(vandq_s32(high, right), 31)), right);
    high = vmaxq_s32(high, vdupq_n_s32(to->act_lo - to->zero_point));
    high = vminq_s32(high, vdupq_n_s32(to->act_hi - to->zero_point));
    vstrbq_p_s32(y, vaddq_n_s32(high, to->zero_point), some);
}

#endif

/* `count` channels, at most four, from `channel` on. */
static inline void mcuedit_requantize(const mcuedit_requant *to, uint32_t channel, uint32_t count, const int32_t *sums,
                                      int8_t *y)
{
#ifdef MCUEDIT_DOT_MVE
    mve_pred16_t some = vctp32q(count);
    mcuedit_requantize_mve(to, channel, some, vldrwq_z_s32(sums, some), y);
#else
    int32_t zero = to->zero_point, lo = to->act_lo - zero, hi = to->act_hi - zero;
    channel *= to->per_channel;
    const int32_t *multiplier = to->multipliers + channel;
    const int8_t *shift = to->shifts + channel;
    for (const int32_t *end = sums + count; sums != end; sums++) {
#ifdef MCUEDIT_NARROW
        int32_t high =
            to->narrow ? mcuedit_mbqm_narrow(*sums, *multiplier, *shift) : mcuedit_mbqm_any(*sums, *multiplier, *shift);
#else
        int32_t high = mcuedit_mbqm_any(*sums, *multiplier, *shift);
#endif
        *y++ = (int8_t)(mcuedit_clamp(high, lo, hi) + zero);
        multiplier += to->per_channel;
        shift += to->per_channel;
    }
#endif
}

#endif
