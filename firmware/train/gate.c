/* SPDX-License-Identifier: Apache-2.0 */
/* The workspace of a gate's training, and the samples that come into it. */
#include <stdbool.h>
#include <stddef.h>

#include "gate.h"

MCUEDIT_STATIC_ASSERT(sizeof(mcuedit_train_state) % 4 == 0, words_follow_the_state);

mcuedit_train mcuedit_train_open(const mcuedit_train_gate *gate, mcuedit_train_state *state)
{
    mcuedit_train train;
    uint32_t n = state->n_in, even = (n + 1u) & ~1u;
    uint32_t capacity = 1u + gate->correction_count + gate->statistics->sample_count + gate->replay_count;
    train.state = state;
    train.statistics = gate->statistics;
    train.acc = (int32_t *)(state + 1);
    train.w = (int16_t *)(train.acc + even);
    train.v = train.w + even;
    train.g = train.v + even;
    train.scores = train.g + even;
    train.own = (int8_t *)(train.scores + ((capacity + 1u) & ~1u));
    train.replay = train.own + gate->correction_count * n;
    train.n = n;
    train.first = 1u + state->corrections;
    train.samples = train.first + gate->statistics->sample_count + state->replay;
    return train;
}

const int8_t *mcuedit_train_sample(const mcuedit_train *train, uint32_t index)
{
    const mcuedit_train_statistics *statistics = train->statistics;
    if (index == 0) {
        return statistics->centre;
    }
    if (index < train->first) {
        return train->own + (index - 1u) * train->n;
    }
    index -= train->first;
    if (index < statistics->sample_count) {
        return statistics->samples + index * train->n;
    }
    return train->replay + (index - statistics->sample_count) * train->n;
}

static int check(const mcuedit_train_gate *gate)
{
    const mcuedit_base *base = gate->base;
    const mcuedit_train_statistics *statistics = gate->statistics;
    if (gate->tap > gate->target || gate->target >= base->op_count) {
        return MCUEDIT_E_GEOMETRY;
    }
    const mcuedit_op *tap = &base->ops[gate->tap], *target = &base->ops[gate->target];
    if (tap->n_in == 0 || tap->positions != 1 || tap->window != NULL || target->n_out == 0 || target->positions != 1 ||
        target->window != NULL) {
        return MCUEDIT_E_GEOMETRY;
    }
    uint32_t samples = 1u + gate->correction_count + statistics->sample_count + gate->replay_count;
    if (tap->n_in > MCUEDIT_TRAIN_WIDTH || samples > MCUEDIT_TRAIN_SAMPLES || gate->correction_count == 0 ||
        gate->correction_count > MCUEDIT_TRAIN_CORRECTIONS || statistics->cluster_count > MCUEDIT_TRAIN_CLUSTERS ||
        statistics->cluster_count > statistics->sample_count || statistics->steps == 0) {
        return MCUEDIT_E_BOUND;
    }
    return MCUEDIT_OK;
}

int mcuedit_train_init(const mcuedit_train_gate *gate, mcuedit_train_state *state, uint32_t size, uint32_t seed)
{
    int err = check(gate);
    if (err) {
        return err;
    }
    if (((uintptr_t)state & 3u) != 0) {
        return MCUEDIT_E_ALIGN;
    }
    uint32_t n = gate->base->ops[gate->tap].n_in;
    uint32_t needed = (uint32_t)MCUEDIT_TRAIN_GATE_SIZE(n, gate->correction_count, gate->replay_count,
                                                        gate->statistics->sample_count);
    if (size < needed) {
        return MCUEDIT_E_CAPACITY;
    }
    mcuedit_train_forget(state, needed);
    state->size = needed;
    state->n_in = (uint16_t)n;
    state->random = seed != 0 ? seed : 1u;
    return MCUEDIT_OK;
}

static bool is_among(const int8_t *samples, uint32_t count, uint32_t n, const int8_t *x)
{
    for (; count != 0; count--, samples += n) {
        uint32_t same = 0;
        while (same < n && samples[same] == x[same]) {
            same++;
        }
        if (same == n) {
            return true;
        }
    }
    return false;
}

static bool is_old(const mcuedit_train_state *state, uint32_t index)
{
    for (uint32_t i = 0; i < state->old_count; i++) {
        if (state->old[i] == index) {
            return true;
        }
    }
    return false;
}

/* Classes that lead, ties too, go down; in ascending order. E_FULL: there are too many. */
static int note_old(mcuedit_train_state *state, const int8_t *logits, uint32_t classes, uint32_t wanted)
{
    int8_t most = logits[mcuedit_argmax_s8(logits, classes)];
    for (uint32_t i = 0; i < classes; i++) {
        if (logits[i] != most || i == wanted || is_old(state, i)) {
            continue;
        }
        if (state->old_count == MCUEDIT_TRAIN_OLD) {
            return MCUEDIT_E_FULL;
        }
        uint32_t at = state->old_count++;
        for (; at != 0 && state->old[at - 1u] > i; at--) {
            state->old[at] = state->old[at - 1u];
        }
        state->old[at] = (uint16_t)i;
    }
    return MCUEDIT_OK;
}

static void copy(int8_t *to, const int8_t *from, uint32_t n)
{
    for (; n != 0; n--) {
        *to++ = *from++;
    }
}

int mcuedit_train_add_correction(const mcuedit_train_gate *gate, mcuedit_train_state *state, const int8_t *x,
                                 const int8_t *logits, uint16_t wanted)
{
    mcuedit_train train = mcuedit_train_open(gate, state);
    mcuedit_train_state before = *state;
    uint32_t classes = gate->base->ops[gate->target].n_out, count = state->corrections;
    if (state->phase != TRAIN_IDLE) {
        return MCUEDIT_E_STATE;
    }
    if (wanted >= classes) {
        return MCUEDIT_E_CLASS;
    }
    if ((count != 0 && state->wanted != wanted) || is_among(train.replay, state->replay, train.n, x)) {
        return MCUEDIT_E_CONTRADICTION;
    }
    if (is_among(train.own, count, train.n, x)) {
        return MCUEDIT_OK;
    }
    int err = count == gate->correction_count ? MCUEDIT_E_FULL : note_old(state, logits, classes, wanted);
    if (err) {
        *state = before;
        return err;
    }
    copy(train.own + count * train.n, x, train.n);
    state->wanted = wanted;
    state->corrections++;
    return MCUEDIT_OK;
}

/* xorshift32 */
static uint32_t draw(mcuedit_train_state *state)
{
    uint32_t x = state->random;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    state->random = x;
    return x;
}

int mcuedit_train_add_replay(const mcuedit_train_gate *gate, mcuedit_train_state *state, const int8_t *x)
{
    mcuedit_train train = mcuedit_train_open(gate, state);
    if (state->phase != TRAIN_IDLE) {
        return MCUEDIT_E_STATE;
    }
    if (is_among(train.own, state->corrections, train.n, x)) {
        return MCUEDIT_E_CONTRADICTION;
    }
    if (is_among(train.replay, state->replay, train.n, x)) {
        return MCUEDIT_OK;
    }
    uint32_t at = state->replay;
    state->seen++;
    if (at == gate->replay_count) {
        at = draw(state) % state->seen;
    } else {
        state->replay++;
    }
    if (at < gate->replay_count) {
        copy(train.replay + at * train.n, x, train.n);
    }
    return MCUEDIT_OK;
}

void mcuedit_train_forget(void *memory, uint32_t size)
{
    for (volatile uint8_t *p = memory; size != 0; size--) {
        *p++ = 0;
    }
}
