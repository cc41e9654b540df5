/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUEDIT_REQUANTIZE_H
#define MCUEDIT_REQUANTIZE_H

/*
 * From sums to outputs: clamp(MBQM(sum, m, s), act_lo - zero, act_hi - zero) + zero, which cannot leave int32. Where
 * the parameters say `no_saturation`, saturation of the instruction does for the clamp, and there are only right
 * shifts.
 */

#include "../core/dot4.h"
#include "../core/fixedpoint.h"
#include "mcuedit/kernels.h"

#ifdef MCUEDIT_DOT_MVE

/*
 * VQRDMULH is the first rounding; VRSHL is the second one but for ties of negative numbers, which it rounds up: these
 * are made less by 1 before. Left shifts wrap, as in mcuedit_mbqm_any.
 */
static MCUEDIT_NOINLINE void mcuedit_requantize4_slow(const mcuedit_requant *to, mcuedit_sums sums, int32x4_t m,
                                                      int32x4_t s, int8_t *y)
{
    int32x4_t zero = vdupq_n_s32(0), right = vminq_s32(s, zero);
    int32x4_t high = vqrdmulhq_s32(vshlq_s32(sums, vmaxq_s32(s, zero)), m);
    high = vrshlq_s32(vqaddq_s32(high, vshrq_n_s32(vandq_s32(high, right), 31)), right);
    high = vmaxq_s32(high, vdupq_n_s32(to->act_lo - to->zero_point));
    high = vminq_s32(high, vdupq_n_s32(to->act_hi - to->zero_point));
    vstrbq_s32(y, vaddq_n_s32(high, to->zero_point));
}

#endif

/* `count` channels from `channel` on. */
static inline void mcuedit_requantize(const mcuedit_requant *to, uint32_t channel, uint32_t count, const int32_t *sums,
                                      int8_t *y)
{
    int32_t zero = to->zero_point, lo = to->act_lo - zero, hi = to->act_hi - zero;
    channel *= to->per_channel;
    const int32_t *m = to->multipliers + channel;
    const int8_t *s = to->shifts + channel;
    for (const int32_t *end = sums + count; sums != end; sums++) {
        *y++ = (int8_t)(mcuedit_clamp(mcuedit_mbqm_any(*sums, *m, *s), lo, hi) + zero);
        m += to->per_channel;
        s += to->per_channel;
    }
}

#if defined(MCUEDIT_DOT_MVE)

/* Four outputs without saturation. */
static inline void mcuedit_requantized4(mcuedit_sums sums, int32x4_t m, int32x4_t s, int32_t zero, int8_t *y)
{
    int32x4_t high = vqrdmulhq_s32(sums, m);
    high = vaddq_n_s32(vrshlq_s32(vaddq_s32(high, vshrq_n_s32(high, 31)), s), zero);
    /* Intrinsics would copy the halves that these leave as they are. */
    __asm__("vqmovnb.s32 %q0, %q0\n\tvqmovnb.s16 %q0, %q0" : "+w"(high));
    vstrbq_s32(y, high);
}

/* Four channels from `channel` on; so do the others below. */
static inline void mcuedit_requantize4(const mcuedit_requant *to, uint32_t channel, mcuedit_sums sums, int8_t *y)
{
    channel *= to->per_channel;
    int32x4_t m = vldrwq_s32(to->multipliers + channel), s = vldrbq_s32(to->shifts + channel);
    if (!to->no_saturation) {
        mcuedit_requantize4_slow(to, sums, m, s, y);
        return;
    }
    mcuedit_requantized4(sums, m, s, to->zero_point, y);
}

#elif defined(MCUEDIT_DOT_DSP) && MCUEDIT_FAST_MATMUL

/* mcuedit_high_mul for |x| < 2^30: SMMULR rounds x * 2 * m / 2^32 half up. */
static inline int32_t mcuedit_smmulr(int32_t x, int32_t m)
{
    int32_t high;
    __asm__("smmulr %0, %1, %2" : "=r"(high) : "r"(x * 2), "r"(m));
    return high;
}

/* One output without saturation; `offset` is 2 * zero point + 1. */
static inline int8_t mcuedit_requantized(int32_t sum, int32_t m, int32_t s, int32_t offset)
{
    int32_t high = mcuedit_smmulr(sum, m);
    /* Ties go away from zero: half up, a negative number less by 1 before. The last bit is left for the rounding. */
    high = ((high + (high >> 31)) >> ~s) + offset;
    __asm__("ssat %0, #8, %1, asr #1" : "=r"(high) : "r"(high));
    return (int8_t)high;
}

/* Out of line: what the way without saturation is taken from shall stay in registers. */
static MCUEDIT_NOINLINE void mcuedit_requantize4_slow(const mcuedit_requant *to, uint32_t channel, mcuedit_sums sums,
                                                      int8_t *y)
{
    mcuedit_requantize(to, channel, 4, sums.of, y);
}

static inline void mcuedit_requantize4(const mcuedit_requant *to, uint32_t channel, mcuedit_sums sums, int8_t *y)
{
    if (!to->no_saturation) {
        mcuedit_requantize4_slow(to, channel, sums, y);
        return;
    }
    uint32_t step = to->per_channel;
    const int32_t *m = to->multipliers + channel * step;
    const int8_t *s = to->shifts + channel * step;
    int32_t offset = 2 * to->zero_point + 1;
    y[0] = mcuedit_requantized(sums.of[0], m[0], s[0], offset);
    y[1] = mcuedit_requantized(sums.of[1], m[step], s[step], offset);
    y[2] = mcuedit_requantized(sums.of[2], m[2u * step], s[2u * step], offset);
    y[3] = mcuedit_requantized(sums.of[3], m[3u * step], s[3u * step], offset);
}

#else

static inline void mcuedit_requantize4(const mcuedit_requant *to, uint32_t channel, mcuedit_sums sums, int8_t *y)
{
    mcuedit_requantize(to, channel, 4, sums.of, y);
}

#endif

#endif
