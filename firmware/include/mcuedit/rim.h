/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QUANTIZE and DEQUANTIZE at the rim of a model, as TensorFlow Lite Micro computes them (SPEC.md, section 1). The
 * header of a base whose file takes or gives another type than int8 calls these with its scales.
 */
#ifndef MCUEDIT_RIM_H
#define MCUEDIT_RIM_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The nearest element, halves away from zero; the first or last one beyond the range, the first for what is no number.
 */
static inline int8_t mcuedit_rim_quantize(float value, float scale, int32_t zero_point)
{
    float steps = value / scale;
    if (!(steps > (float)(-129 - zero_point))) {
        return -128;
    }
    if (!(steps < (float)(128 - zero_point))) {
        return 127;
    }
    int32_t whole = (int32_t)steps;
    float rest = steps - (float)whole; /* exact: adding a half to the steps would round */
    int32_t element = whole + (rest >= 0.5f ? 1 : rest <= -0.5f ? -1 : 0) + zero_point;
    return (int8_t)(element < -128 ? -128 : element > 127 ? 127 : element);
}

/* What an element means. */
static inline float mcuedit_rim_dequantize(int8_t element, float scale, int32_t zero_point)
{
    return (float)(element - zero_point) * scale;
}

/* A step count in another scale: MBQM of the ratio of both (m, s), then the new zero point, clamped. */
static inline int32_t mcuedit_rim_rescale(int32_t steps, int32_t m, int32_t s, int32_t zero_point, int32_t least,
                                          int32_t most)
{
    int32_t left = s > 0 ? (int32_t)((uint32_t)steps << s) : steps;
    int64_t high = ((int64_t)left * m + (INT64_C(1) << 30)) >> 31;
    if (s < 0) {
        int64_t half = INT64_C(1) << (-s - 1);
        high = (high + half - (high < 0 ? 1 : 0)) >> -s;
    }
    int64_t element = high + zero_point;
    return (int32_t)(element < least ? least : element > most ? most : element);
}

/* The ends of a core of 16-bit elements, whose zero points are 0. */

static inline int16_t mcuedit_rim_quantize_s16(float value, float scale)
{
    float steps = value / scale;
    if (!(steps > -32768.0f)) {
        return INT16_MIN;
    }
    if (!(steps < 32767.0f)) {
        return INT16_MAX;
    }
    int32_t whole = (int32_t)steps;
    float rest = steps - (float)whole;
    return (int16_t)(whole + (rest >= 0.5f ? 1 : rest <= -0.5f ? -1 : 0));
}

static inline float mcuedit_rim_dequantize_s16(int16_t element, float scale)
{
    return (float)element * scale;
}

/* An element as its bytes lie in a row of inputs or outputs, wherever it begins. */
static inline int16_t mcuedit_rim_load_s16(const int8_t *bytes)
{
    return (int16_t)((uint8_t)bytes[0] | bytes[1] * 256);
}

static inline void mcuedit_rim_store_s16(int8_t *bytes, int16_t element)
{
    bytes[0] = (int8_t)(element & 0xff);
    bytes[1] = (int8_t)(element >> 8);
}

#ifdef __cplusplus
}
#endif

#endif
