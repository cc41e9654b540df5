/* SPDX-License-Identifier: Apache-2.0 */
/* From masters to an adapter of SPEC.md, section 3, if it does what it should. */
#include <stdbool.h>

#include "../core/delta.h"
#include "adapter_bytes.h"
#include "factors.h"
#include "train_math.h"

/* A whole number of int8 steps. */
static mcuedit_train_master rounded(mcuedit_train_master master)
{
    return (mcuedit_train_master)(((int32_t)master + 64) & ~((1 << FACTOR_Q) - 1));
}

static void round_masters(mcuedit_train_f *train)
{
    for (uint32_t k = 0; k < train->rank; k++) {
        mcuedit_train_master *a = train->a + k * train->pitch;
        train->sum[k] = 0;
        for (uint32_t j = 0; j < train->n; j++) {
            a[j] = rounded(a[j]);
            train->sum[k] += (int32_t)a[j];
        }
    }
    for (uint32_t i = 0; i < train->rank * train->n_out; i++) {
        train->b[i] = rounded(train->b[i]);
    }
}

/* Sample `index` gets its class, through the int8 path. A correction wants it alone at the top; others take the first.
 */
static bool holds(mcuedit_train_f *train, uint32_t index, bool alone)
{
    uint32_t rival = 0, wanted = train->classes[index];
    for (uint32_t i = 0; i < train->factors->layer_count; i++) {
        mcuedit_train_factors_forward(train, mcuedit_train_factors_sample(train, index), i);
    }
    int32_t lead = mcuedit_train_factors_lead(train, wanted, &rival);
    return lead > 0 || (!alone && lead == 0 && wanted < rival);
}

static int self_check(mcuedit_train_f *train)
{
    uint32_t changed = 0;
    for (uint32_t i = 0; i < train->state->corrections; i++) {
        if (!holds(train, i, true)) {
            return train->state->saturated ? MCUEDIT_E_SATURATED : MCUEDIT_E_UNLEARNED;
        }
    }
    for (uint32_t i = 0; i < train->state->replay; i++) {
        changed += !holds(train, train->factors->correction_count + i, false);
    }
    return changed > train->factors->replay_changed ? MCUEDIT_E_REPLAY : MCUEDIT_OK;
}

static uint8_t *put_factors(const mcuedit_train_f *train, uint8_t *p)
{
    for (uint32_t k = 0; k < train->rank; k++, p += 4) {
        int32_t c = -train->op->input_zero_point * (train->sum[k] >> FACTOR_Q) - train->threshold[k];
        mcuedit_train_put32(p, (uint32_t)c);
        mcuedit_train_put32(p + 4u * train->rank, (uint32_t)train->m[k]);
    }
    p += 4u * train->rank;
    for (uint32_t k = 0; k < train->rank; k++) {
        const mcuedit_train_master *a = train->a + k * train->pitch;
        for (uint32_t j = 0; j < train->n; j++) {
            *p++ = (uint8_t)((int32_t)a[FACTOR_AT(j, train->n)] >> FACTOR_Q);
        }
    }
    for (uint32_t k = 0; k < train->rank; k++) {
        *p++ = (uint8_t)train->s[k];
    }
    for (uint32_t i = 0; i < train->rank * train->n_out; i++) {
        *p++ = (uint8_t)((int32_t)train->b[i] >> FACTOR_Q);
    }
    return p;
}

int mcuedit_train_factors_result(const mcuedit_train_factors *factors, mcuedit_train_factors_state *state,
                                 uint8_t *adapter, uint32_t capacity)
{
    mcuedit_train_f train = mcuedit_train_factors_open(factors, state);
    uint8_t *delta = adapter + ADAPTER_HEADER_SIZE;
    if (train.state->phase != FACTOR_END) {
        return MCUEDIT_E_STATE;
    }
    if (capacity < MCUEDIT_TRAIN_FACTORS_ADAPTER(train.n, train.n_out, train.rank, 0)) {
        return MCUEDIT_E_CAPACITY;
    }
    round_masters(&train);
    int err = self_check(&train);
    if (err) {
        return err;
    }
    mcuedit_train_put_delta(factors->base, factors->op, factors->op, delta);
    mcuedit_train_put16(delta + DELTA_N_ROWS, train.n_out);
    delta[DELTA_RANK] = (uint8_t)train.rank;
    delta[DELTA_FLAGS] = (uint8_t)(DELTA_DENSE | (factors->gated ? DELTA_GATED : 0));
    delta[DELTA_SHIFT] = (uint8_t)factors->shift;
    mcuedit_train_put32(delta + DELTA_MULTIPLIER, (uint32_t)factors->multiplier);
    uint8_t *end = mcuedit_train_pad(put_factors(&train, delta + DELTA_C), adapter);
    mcuedit_train_put16(delta + DELTA_WORDS, (uint32_t)(end - delta) / 4u);
    return (int)mcuedit_train_seal(factors->base, adapter, end);
}
