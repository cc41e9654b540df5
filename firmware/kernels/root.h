/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUEDIT_ROOT_H
#define MCUEDIT_ROOT_H

#include "../core/fixedpoint.h"

/* x * 2^n, saturating. */
static inline int32_t mcuedit_left(int32_t x, uint32_t n)
{
    return mcuedit_clamp(x, INT32_MIN >> n, INT32_MAX >> n) * (1 << n) | (x > INT32_MAX >> n ? (1 << n) - 1 : 0);
}

/* 1 / sqrt(value) as *shift more than m * 2^-31: five Newton steps in Q3.28 on value / 4^k in [1/4, 1). */
static inline int32_t mcuedit_inverse_root(int32_t value, int32_t *shift)
{
    *shift = 0;
    if (value <= 1) {
        return INT32_MAX;
    }
    int32_t right = 11;
    while (value >= 1 << 29) {
        value /= 4;
        right++;
    }
    while (value < 1 << 27) {
        value *= 4;
        right--;
    }
    int32_t number = value >> 1, half = mcuedit_round_shift(number, 1), x = 1 << 28;
    for (uint32_t i = 0; i < 5; i++) {
        int32_t cube = mcuedit_left(mcuedit_high_mul(mcuedit_high_mul(x, x), x), 6);
        x = mcuedit_left(mcuedit_high_mul((1 << 28) + (1 << 27), x) - mcuedit_high_mul(half, cube), 3);
    }
    x = mcuedit_high_mul(x, 1518500250); /* 1 / sqrt(2) */
    if (right < 0) {
        x *= 1 << -right;
        right = 0;
    }
    *shift = -right;
    return x;
}

#endif
