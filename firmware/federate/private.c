/* SPDX-License-Identifier: Apache-2.0 */
/* Differentially private training of B over a frozen A (SPEC.md, section 11). */
#include <stddef.h>

#include "../core/delta.h"
#include "mcuedit/federate.h"

#define ONE     256 /* master units in a unit of B */
#define FASTEST 8   /* units of B by which the largest element moves in the first step; it falls to 1 */

int mcuedit_private_check(const mcuedit_private *schedule)
{
    bool fine = schedule->random != NULL && schedule->sigma >= 1 && schedule->sigma <= MCUEDIT_SIGMA_MAX &&
                schedule->clip >= 1 && schedule->clip <= MCUEDIT_CLIP_MAX && schedule->steps >= 1;
    return fine ? MCUEDIT_OK : MCUEDIT_E_FIELD;
}

void mcuedit_private_unit(const mcuedit_private *schedule, uint32_t size, int32_t *own, int32_t *sum)
{
    mcuedit_clip(own, size, schedule->clip);
    for (uint32_t i = 0; i < size; i++) {
        sum[i] += own[i];
        own[i] = 0;
    }
}

int mcuedit_private_example(const mcuedit_private *schedule, const mcuedit_adapter *adapter, const int8_t *h,
                            const int8_t *logits, uint16_t classes, uint16_t wanted, int32_t *own, int32_t *sum)
{
    uint32_t size = mcuedit_federate_size(adapter);
    for (uint32_t i = 0; i < size; i++) {
        own[i] = 0;
    }
    int err = mcuedit_federate_example(adapter, h, logits, classes, wanted, MCUEDIT_FEDERATE_MARGIN, own);
    if (err < 0) {
        return err;
    }
    mcuedit_private_unit(schedule, size, own, sum);
    return err;
}

/* The class that row `i` of B is for. */
static uint32_t class_of(const uint8_t *delta, uint32_t i)
{
    const uint8_t *rows = delta + mcuedit_delta_s(delta) - mcuedit_delta_rows_size(delta);
    return (delta[DELTA_FLAGS] & DELTA_DENSE) != 0 ? i : mcuedit_u16(rows + 2u * i);
}

int mcuedit_private_keep(const mcuedit_adapter *adapter, const int8_t *h, const int8_t *logits, uint16_t classes,
                         uint16_t answer, int32_t *sum)
{
    const uint8_t *delta = adapter->deltas;
    uint32_t n_rows = mcuedit_u16(delta + DELTA_N_ROWS), rank = delta[DELTA_RANK], top = n_rows, own = n_rows;
    int32_t most = 0;
    if (answer >= classes) {
        return MCUEDIT_E_FIELD;
    }
    for (uint32_t i = 0; i < n_rows; i++) {
        uint32_t class_index = class_of(delta, i);
        if (class_index == answer) {
            own = i;
        } else if (top == n_rows || logits[class_index] > most) {
            top = i;
            most = logits[class_index];
        }
    }
    if (top == n_rows || logits[answer] - most >= MCUEDIT_FEDERATE_MARGIN) {
        return 0;
    }
    for (uint32_t k = 0; k < rank; k++) {
        sum[top * rank + k] -= h[k];
        if (own < n_rows) {
            sum[own * rank + k] += h[k];
        }
    }
    return 1;
}

/* B moved along `sum`, the element of the largest size by `rate` masters. */
static void move(uint32_t size, const int32_t *sum, int64_t rate, int32_t *masters, int8_t *b)
{
    int64_t largest = 1;
    for (uint32_t i = 0; i < size; i++) {
        int64_t away = sum[i] < 0 ? -(int64_t)sum[i] : sum[i];
        largest = away > largest ? away : largest;
    }
    for (uint32_t i = 0; i < size; i++) {
        int64_t master = masters[i] + sum[i] * rate / largest; /* towards zero */
        master = master > 127 * ONE ? 127 * ONE : master < -127 * ONE ? -127 * ONE : master;
        masters[i] = (int32_t)master;
        b[i] = (int8_t)((master < 0 ? master - ONE / 2 : master + ONE / 2) / ONE); /* ties away from zero */
    }
}

int mcuedit_private_step(const mcuedit_private *schedule, uint16_t number, uint32_t size, int32_t *sum,
                         int32_t *masters, int8_t *b)
{
    if (number >= schedule->steps) {
        return MCUEDIT_E_STATE;
    }
    for (uint32_t i = 0; i < size; i++) {
        sum[i] += mcuedit_discrete_gaussian(schedule->random, schedule->sigma);
    }
    int64_t rate = ONE + (FASTEST - 1) * ONE * (schedule->steps - number) / schedule->steps;
    move(size, sum, rate, masters, b);
    for (uint32_t i = 0; i < size; i++) {
        sum[i] = 0;
    }
    return MCUEDIT_OK;
}
