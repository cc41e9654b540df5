/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuedit/kernels.h"

void mcuedit_lookup_s8(const mcuedit_lookup *op, const int8_t *input, int8_t *output)
{
    const int8_t *zero = op->table + 128;
    for (uint32_t n = op->size; n != 0; n--) {
        *output++ = zero[*input++];
    }
}
