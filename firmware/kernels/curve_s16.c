/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuedit/kernels16.h"

#define LAST 255u /* entry of the table */

/* An element in steps of 1 / (3 * 4096). */
static int32_t argument(const mcuedit_curve_16 *op, int32_t x)
{
    return (x * op->factor + (int32_t)((UINT32_C(1) << op->shift) >> 1)) >> op->shift;
}

/* The sigmoid in 16 + bits bits, between two entries; `beyond` after the last. */
static int32_t sigmoid(const uint16_t *table, uint32_t size, uint32_t bits, int32_t beyond)
{
    uint32_t i = size >> bits;
    if (i >= LAST) {
        return beyond;
    }
    return (int32_t)(((uint32_t)table[i] << bits) +
                     (size & ((1u << bits) - 1u)) * ((uint32_t)table[i + 1u] - table[i]));
}

void mcuedit_logistic_s16(const mcuedit_curve_16 *op, const void *input, void *output)
{
    const int16_t *from = input;
    int16_t *to = output;
    for (uint32_t n = op->size; n != 0; n--) {
        int32_t x = argument(op, *from++);
        int32_t y = sigmoid(op->table, (uint32_t)(x < 0 ? -x : x), 9, 0x7FFF << 10);
        *to++ = (int16_t)((x >= 0 ? y + 512 : (1 << 25) - y + 511) >> 10);
    }
}

void mcuedit_tanh_s16(const mcuedit_curve_16 *op, const void *input, void *output)
{
    const int16_t *from = input;
    int16_t *to = output;
    for (uint32_t n = op->size; n != 0; n--) {
        int32_t x = argument(op, *from++);
        int32_t y = sigmoid(op->table, (uint32_t)(x < 0 ? -x : x), 8, 0xFFFF << 8);
        *to++ = (int16_t)((x >= 0 ? y - (1 << 23) + 128 : (1 << 23) - y + 127) >> 8);
    }
}
