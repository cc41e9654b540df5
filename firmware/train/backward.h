/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUEDIT_BACKWARD_H
#define MCUEDIT_BACKWARD_H

/* What layers behind a trained op that have weights have in common. */

#include "factors.h"

/* The largest shift, where channels have their own. */
static inline int32_t mcuedit_train_top(const mcuedit_requant *to, uint32_t channels)
{
    int32_t top = INT8_MIN;
    for (uint32_t i = 0; to->per_channel && i < channels; i++) {
        top = to->shifts[i] > top ? to->shifts[i] : top;
    }
    return top;
}

/* The gradient by a sum of channel i, up to a factor common to all, from that by its output. */
static inline int32_t mcuedit_train_at_sum(const mcuedit_requant *to, int32_t top, uint32_t i, int32_t g, int32_t y)
{
    int32_t c = mcuedit_train_unclamped(g, y, to->act_lo, to->act_hi);
    if (to->per_channel) {
        int32_t down = 15 + top - to->shifts[i];
        c = (c * (to->multipliers[i] >> 16)) >> (down < 31 ? down : 31);
    }
    return c;
}

#endif
