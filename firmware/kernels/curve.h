/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUEDIT_CURVE_H
#define MCUEDIT_CURVE_H

#include <stdint.h>

#define MCUEDIT_CURVE_LAST 255u /* entry of the table, from which on the curves are flat */

/* The table's sigmoid in 16 + bits bits, between two entries; `beyond` after the last. */
static inline int32_t mcuedit_curve(const uint16_t *table, int32_t x, uint32_t bits, int32_t beyond)
{
    uint32_t size = (uint32_t)(x < 0 ? -x : x), i = size >> bits;
    if (i >= MCUEDIT_CURVE_LAST) {
        return beyond;
    }
    return (int32_t)(((uint32_t)table[i] << bits) +
                     (size & ((1u << bits) - 1u)) * ((uint32_t)table[i + 1u] - table[i]));
}

/* Steps of 1 / (3 * 4096) to Q0.15. */
static inline int16_t mcuedit_sigmoid_s16(const uint16_t *table, int32_t x)
{
    int32_t y = mcuedit_curve(table, x, 9, 0x7FFF << 10);
    return (int16_t)((x >= 0 ? y + 512 : (1 << 25) - y + 511) >> 10);
}

static inline int16_t mcuedit_hyperbolic_s16(const uint16_t *table, int32_t x)
{
    int32_t y = mcuedit_curve(table, x, 8, 0xFFFF << 8);
    return (int16_t)((x >= 0 ? y - (1 << 23) + 128 : (1 << 23) - y + 127) >> 8);
}

#endif
