/* SPDX-License-Identifier: Apache-2.0 */
#include "../core/fixedpoint.h"
#include "mcuedit/kernels16.h"

/* A table's curve at an int16, linear between its entries. */
static int32_t looked_up(const int16_t *table, int32_t value)
{
    value = mcuedit_clamp(value, INT16_MIN, INT16_MAX);
    const int16_t *at = table + 256 + (value >> 7);
    return at[0] + (((at[1] - at[0]) * (value & 0x7F) + 64) >> 7);
}

static void softmax(const mcuedit_softmax_16 *op, const int16_t *input, int16_t *output)
{
    int32_t max = input[mcuedit_argmax_s16(input, op->depth)], sum = 0;
    for (uint32_t i = 0; i < op->depth; i++) {
        int32_t below = mcuedit_mbqm_any(input[i] - max, op->multiplier, op->shift);
        output[i] = (int16_t)looked_up(op->exp, mcuedit_clamp(below, -2 * INT16_MAX - 1, 0) + INT16_MAX);
        sum += output[i];
    }
    uint32_t bits = 31;
    int32_t high = sum;
    for (; high < 1 << 30; bits--) {
        high *= 2;
    }
    int32_t x = (int32_t)(((int64_t)high + (1 << 13)) >> 14) - (1 << 15) - (1 << 16); /* of 1 / (1 + x) */
    int32_t part = looked_up(op->reciprocal, x);
    for (uint32_t i = 0; i < op->depth; i++) {
        int64_t product = (int64_t)output[i] * part + (INT64_C(1) << (bits - 2u));
        output[i] = (int16_t)mcuedit_clamp((int32_t)(product >> (bits - 1u)), 0, INT16_MAX);
    }
}

void mcuedit_softmax_s16(const mcuedit_softmax_16 *op, const void *input, void *output)
{
    const int16_t *from = input;
    int16_t *to = output;
    for (uint32_t position = op->positions; position != 0; position--) {
        softmax(op, from, to);
        from += op->depth;
        to += op->depth;
    }
}
