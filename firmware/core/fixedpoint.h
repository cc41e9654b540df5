/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUEDIT_FIXEDPOINT_H
#define MCUEDIT_FIXEDPOINT_H

/*
 * SPEC.md, section 1: TFLM's fixed-point multiplication with double rounding. Right shifts of negative numbers are
 * arithmetic, as in every compiler for the cores that this runs on.
 */

#include <stdint.h>

static inline int32_t mcuedit_clamp(int32_t x, int32_t lo, int32_t hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

/*
 * round(a * b / 2^31), not both INT32_MIN. gemmlowp nudges by the sign and truncates; that equals rounding half up with
 * a floor, which is one long multiplication and one addition with carry.
 */
static inline int32_t mcuedit_high_mul(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b + (INT64_C(1) << 30)) >> 31);
}

/* round(x / 2^n), ties away from zero; n in 0..31. */
static inline int32_t mcuedit_round_shift(int32_t x, uint32_t n)
{
    uint32_t mask = (UINT32_C(1) << n) - 1u;
    uint32_t threshold = (mask >> 1) + (x < 0 ? 1u : 0u);
    return (x >> n) + (((uint32_t)x & mask) > threshold ? 1 : 0);
}

/* MBQM of a delta: m = 0 or in [2^30, 2^31), s in [-31, 0]. */
static inline int32_t mcuedit_mbqm(int32_t x, int32_t m, int32_t s)
{
    return mcuedit_round_shift(mcuedit_high_mul(x, m), (uint32_t)-s);
}

/* MBQM of an op of the base: s in [-31, 30]; a left shift wraps like TFLM's, without its undefined behaviour. */
static inline int32_t mcuedit_mbqm_any(int32_t x, int32_t m, int32_t s)
{
    if (s > 0) {
        x = (int32_t)((uint32_t)x << s);
        s = 0;
    }
    return mcuedit_mbqm(x, m, s);
}

#endif
