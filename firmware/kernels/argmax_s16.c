/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuedit/kernels16.h"

uint32_t mcuedit_argmax_s16(const int16_t *values, uint32_t n)
{
    int32_t largest = values[0];
    uint32_t first = 0;
    for (uint32_t i = 1; i < n; i++) {
        if (MCUEDIT_EXPECT(values[i] > largest, 0)) {
            largest = values[i];
            first = i;
        }
    }
    return first;
}
