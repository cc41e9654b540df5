/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuedit/kernels.h"

uint32_t mcuedit_argmax_s8(const int8_t *values, uint32_t n)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < n; i++) {
        if (values[i] > values[best]) {
            best = i;
        }
    }
    return best;
}
