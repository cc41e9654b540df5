/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuedit/kernels16.h"
#include "root.h"

#define FRACTION_BITS 20 /* of a root before it is rescaled */
#define MOST          32767

void mcuedit_rsqrt_s16(const mcuedit_rescale_16 *op, const void *input, void *output)
{
    const int16_t *from = input;
    int16_t *to = output;
    for (uint32_t n = op->size; n != 0; n--) {
        int32_t x = *from++, y = MOST;
        if (x > 0) {
            int32_t shift, multiplier = mcuedit_inverse_root(x, &shift);
            int32_t root = mcuedit_mbqm_any(1, multiplier, shift + FRACTION_BITS);
            y = mcuedit_mbqm_any(root, op->multiplier, op->shift);
        }
        *to++ = (int16_t)(y < MOST ? y : MOST);
    }
}
