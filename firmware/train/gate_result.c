/* SPDX-License-Identifier: Apache-2.0 */
/* From weights to an adapter of SPEC.md, section 3, if it does what it should. */
#include <stdbool.h>
#include <stddef.h>

#include "../core/delta.h"
#include "../core/fixedpoint.h"
#include "adapter_bytes.h"
#include "gate.h"
#include "train_math.h"

enum { SLACK = 3 }; /* h from which 127 * h moves a logit by 255, all the way */

/* The row of A into `g`, the largest weight 127. */
static void round_weights(mcuedit_train *train)
{
    int32_t peak = 1;
    for (uint32_t j = 0; j < train->n; j++) {
        int32_t size = train->w[j] < 0 ? -train->w[j] : train->w[j];
        peak = size > peak ? size : peak;
    }
    for (uint32_t j = 0; j < train->n; j++) {
        int32_t size = train->w[j] < 0 ? -train->w[j] : train->w[j];
        size = (int32_t)((254u * (uint32_t)size + (uint32_t)peak) / (2u * (uint32_t)peak));
        train->g[j] = (int16_t)(train->w[j] < 0 ? -size : size);
    }
}

static int32_t score_of(const mcuedit_train *train, uint32_t index)
{
    return mcuedit_train_dot(mcuedit_train_sample(train, index), train->g, train->n);
}

/* Highest A.x of what must stay: samples, and edits as if they were of another cluster. `lowest`: of the edits. */
static int32_t highest_shut(const mcuedit_train *train, int32_t *lowest)
{
    int32_t highest = INT32_MIN, top = INT32_MIN, near = 0, first = INT32_MAX, last = INT32_MIN;
    const uint32_t clusters = train->statistics->cluster_count, own = train->state->near;
    for (uint32_t i = train->first; i < train->samples; i++) {
        int32_t found = score_of(train, i);
        uint32_t k = i - train->first;
        highest = found > highest ? found : highest;
        if (k < clusters && k != own) {
            top = found > top ? found : top;
        }
        near = k == own ? found : near;
    }
    for (uint32_t i = 1; i < train->first; i++) {
        int32_t found = score_of(train, i);
        first = found < first ? found : first;
        last = found > last ? found : last;
    }
    if (clusters > 1) { /* moving is linear: only the extremes matter */
        last += (train->statistics->shift * (top - near)) >> 6;
        highest = last > highest ? last : highest;
    }
    *lowest = first;
    return highest;
}

/* Where the gate stands in A.x, from the rounded weights. */
static int32_t threshold(const mcuedit_train *train)
{
    int32_t lowest, highest = highest_shut(train, &lowest), margin = lowest - highest - SLACK;
    return margin <= 0 ? lowest - SLACK : highest + ((train->statistics->place * margin) >> 8);
}

/* Every correction opens the gate all the way, and few enough confirmed inputs open it. */
static int self_check(const mcuedit_train *train, int32_t at, uint32_t allowed)
{
    uint32_t changed = 0;
    for (uint32_t i = 1; i < train->first; i++) {
        if (score_of(train, i) - at < SLACK) {
            return MCUEDIT_E_UNLEARNED;
        }
    }
    for (uint32_t i = train->samples - train->state->replay; i < train->samples; i++) {
        changed += score_of(train, i) > at;
    }
    return changed > allowed ? MCUEDIT_E_REPLAY : MCUEDIT_OK;
}

/* Rows of B, ascending, with the wanted class among the old ones; returns what follows them. */
static uint8_t *put_columns(const mcuedit_train_state *state, uint8_t *to)
{
    uint32_t count = state->old_count + 1u, at = 0;
    uint8_t *b = to + 2u * count + 1u;
    b[-1] = 0; /* s */
    for (uint32_t i = 0; i < count; i++) {
        bool is_new = at == i && (at == state->old_count || state->old[at] > state->wanted);
        uint32_t row = is_new ? state->wanted : state->old[at];
        at += !is_new;
        mcuedit_train_put16(to + 2u * i, row);
        b[i] = (uint8_t)(is_new ? 127 : -127);
    }
    return b + count;
}

static uint32_t put_adapter(const mcuedit_train *train, const mcuedit_train_gate *gate, int32_t at, const char *label,
                            uint8_t label_length, uint8_t *adapter)
{
    const mcuedit_train_state *state = train->state;
    uint8_t *delta = adapter + ADAPTER_HEADER_SIZE, *p = delta + DELTA_C;
    mcuedit_train_put_delta(gate->base, gate->tap, gate->target, delta);
    mcuedit_train_put16(delta + DELTA_N_ROWS, state->old_count + 1u);
    delta[DELTA_RANK] = 1;
    delta[DELTA_FLAGS] = DELTA_GATED | DELTA_CONDITIONAL;
    delta[DELTA_SHIFT] = 0;
    mcuedit_train_put32(delta + DELTA_MULTIPLIER, INT32_MAX);
    mcuedit_train_put32(p, (uint32_t)-at);
    mcuedit_train_put32(p + 4, INT32_MAX);
    p += 8;
    for (uint32_t j = 0; j < train->n; j++) {
        *p++ = (uint8_t)train->g[MCUEDIT_AT(j, train->n)];
    }
    if ((train->n & 1u) != 0) {
        *p++ = 0;
    }
    p = mcuedit_train_pad(put_columns(state, p), adapter);
    mcuedit_train_put16(delta + DELTA_WORDS, (uint32_t)(p - delta) / 4u);
    if (label != NULL) {
        mcuedit_train_put16(p, state->wanted);
        p[2] = label_length;
        for (uint32_t i = 0; i < label_length; i++) {
            p[3u + i] = (uint8_t)label[i];
        }
        p = mcuedit_train_pad(p + 3u + label_length, adapter);
    }
    return mcuedit_train_seal(gate->base, adapter, p);
}

int mcuedit_train_result(const mcuedit_train_gate *gate, mcuedit_train_state *state, const char *label,
                         uint8_t label_length, uint8_t *adapter, uint32_t capacity)
{
    mcuedit_train train = mcuedit_train_open(gate, state);
    if (train.state->phase != TRAIN_END) {
        return MCUEDIT_E_STATE;
    }
    if (train.state->saturated) {
        return MCUEDIT_E_SATURATED;
    }
    if (capacity < MCUEDIT_TRAIN_ADAPTER_SIZE(train.n, label == NULL ? 0 : 3u + label_length)) {
        return MCUEDIT_E_CAPACITY;
    }
    round_weights(&train);
    int32_t at = threshold(&train);
    int err = self_check(&train, at, gate->replay_changed);
    return err ? err : (int)put_adapter(&train, gate, at, label, label_length, adapter);
}
