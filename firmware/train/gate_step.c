/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trains the gate: a support vector machine with a squared hinge, whose steps are damped along the directions in which
 * wordings of one question differ (SPEC.md, section 13). Work is cut into pieces of one sample, so that a step can end
 * after any of them. The numpy twin is mcuedit/ondevice/gate.py.
 */
#include <stdbool.h>

#include "../core/fixedpoint.h"
#include "gate.h"
#include "train_math.h"

enum { LEAST = 8, FRACTION = 5, START = 1 << 12, MARGIN = 1 << 12, BIAS_MAX = 1 << 20 };

static int16_t to_int16(int32_t x)
{
    return (int16_t)mcuedit_clamp(x, -MCUEDIT_INT16, MCUEDIT_INT16);
}

/* The cluster that the corrections belong to. */
static uint32_t nearest(const mcuedit_train *train)
{
    uint32_t n = train->n, count = train->first - 1u, found = 0;
    uint64_t least = UINT64_MAX;
    for (uint32_t k = 0; k < train->statistics->cluster_count; k++) {
        const int8_t *centre = train->statistics->samples + k * n;
        uint64_t apart = 0;
        for (uint32_t j = 0; j < n; j++) {
            int32_t away = (int32_t)count * centre[j];
            for (uint32_t i = 0; i < count; i++) {
                away -= train->own[i * n + j];
            }
            apart += (uint32_t)(away * away);
        }
        if (apart < least) {
            least = apart;
            found = k;
        }
    }
    return found;
}

static void enter(mcuedit_train *train, uint32_t phase)
{
    train->state->phase = (uint8_t)phase;
    train->state->index = 0;
}

static void begin_gradient(mcuedit_train *train)
{
    for (uint32_t j = 0; j < train->n; j++) {
        train->acc[j] = 0;
    }
    enter(train, TRAIN_GRADIENT);
}

/* The first direction: from the centre to the mean of the corrections. */
static void begin(mcuedit_train *train)
{
    for (uint32_t i = 0; i < train->samples; i++) {
        train->scores[i] = i < train->first ? 256 : 0;
    }
    train->scores[0] = (int16_t)(-256 * (int32_t)(train->first - 1u));
    train->state->near = (uint8_t)nearest(train);
    train->state->margin = 0;
    begin_gradient(train);
}

/* Weights of the first direction, and the margin that goes with them. */
static int first_weights(mcuedit_train *train)
{
    mcuedit_train_state *state = train->state;
    int32_t peak = 0, sum = 0;
    mcuedit_train_fold(train->acc, train->n, 2 * START - 1);
    for (uint32_t j = 0; j < train->n; j++) {
        int32_t size = train->acc[j] < 0 ? -train->acc[j] : train->acc[j];
        peak = size > peak ? size : peak;
    }
    uint32_t up = 0;
    while (peak != 0 && peak << up < START) {
        up++;
    }
    for (uint32_t j = 0; j < train->n; j++) {
        train->w[MCUEDIT_AT(j, train->n)] = (int16_t)(train->acc[j] * (1 << up));
        train->v[j] = 0;
    }
    int32_t centre = mcuedit_train_dot(train->statistics->centre, train->w, train->n);
    for (uint32_t i = 1; i < train->first; i++) {
        sum += (mcuedit_train_dot(mcuedit_train_sample(train, i), train->w, train->n) - centre) >> 5;
    }
    int32_t reach = sum > 0 ? (int32_t)((uint32_t)sum / (train->first - 1u)) << 4 : 0;
    if (reach < MARGIN) {
        return MCUEDIT_E_DIVERGED;
    }
    state->shift = 0;
    while (reach >= 2 * MARGIN) {
        reach >>= 1;
        state->shift++;
    }
    state->margin = reach;
    state->b = -reach;
    state->vb = 0;
    state->step = 0;
    enter(train, TRAIN_SCORE);
    return MCUEDIT_OK;
}

static void score(mcuedit_train *train, uint32_t index)
{
    mcuedit_train_state *state = train->state;
    int32_t sum = mcuedit_train_dot(mcuedit_train_sample(train, index), train->w, train->n);
    if (index == 0) {
        state->centre = sum;
    }
    train->scores[index] = to_int16((sum - state->centre) >> state->shift);
}

static int32_t positive(int32_t x)
{
    return x > 0 ? x : 0;
}

/* How far an edit, moved to cluster k, is from where it must stay. */
static int32_t moved(const mcuedit_train *train, uint32_t i, uint32_t k)
{
    const int16_t *clusters = train->scores + train->first;
    int32_t away = (train->statistics->shift * (clusters[k] - clusters[train->state->near])) >> 6;
    return positive(train->state->margin + train->scores[i] + away + train->state->b);
}

static int32_t share(int32_t slack, uint32_t of)
{
    return (int32_t)(((uint32_t)(slack < MCUEDIT_INT16 ? slack : MCUEDIT_INT16) << 2) / of);
}

/* How many samples and moved edits, but at least LEAST, are within the margin. */
static uint32_t count_active(const mcuedit_train *train)
{
    const mcuedit_train_state *state = train->state;
    uint32_t active = 0;
    for (uint32_t i = train->first; i < train->samples; i++) {
        active += state->margin + train->scores[i] + state->b > 0;
    }
    for (uint32_t i = 1; i < train->first; i++) {
        for (uint32_t k = 0; k < train->statistics->cluster_count; k++) {
            active += k != state->near && moved(train, i, k) > 0;
        }
    }
    return active > LEAST ? active : LEAST;
}

/* Scores of the corrections become coefficients; `away` gets what moved edits add to the clusters. */
static void pull_corrections(mcuedit_train *train, uint32_t active, int32_t *away)
{
    mcuedit_train_state *state = train->state;
    uint32_t near = state->near;
    for (uint32_t i = 1; i < train->first; i++) {
        int32_t sum = 0;
        for (uint32_t k = 0; k < train->statistics->cluster_count; k++) {
            if (k != near) {
                int32_t part = share(moved(train, i, k), active);
                away[k] += part;
                sum += part;
            }
        }
        int32_t opened = share(positive(state->margin - train->scores[i] - state->b), train->first - 1u);
        state->pull += sum - opened;
        train->scores[i] = to_int16(sum - opened);
    }
    for (uint32_t k = 0; k < train->statistics->cluster_count; k++) {
        if (k != near) {
            away[k] = (train->statistics->shift * away[k]) >> 6;
            away[near] -= away[k];
        }
    }
}

/* What every sample adds to the gradient takes the place of its score. Returns false where nothing pulls any more. */
static bool coefficients(mcuedit_train *train)
{
    mcuedit_train_state *state = train->state;
    uint32_t active = count_active(train), first = train->first;
    int32_t away[MCUEDIT_TRAIN_CLUSTERS] = {0}, total = 0;
    bool any = false;
    state->pull = 0;
    pull_corrections(train, active, away);
    for (uint32_t i = 1; i < train->samples; i++) {
        if (i >= first) {
            int32_t shut = share(positive(state->margin + train->scores[i] + state->b), active);
            state->pull += shut;
            train->scores[i] = to_int16(shut + (i - first < train->statistics->cluster_count ? away[i - first] : 0));
        }
        total += train->scores[i];
        any |= train->scores[i] != 0;
    }
    train->scores[0] = to_int16(-total);
    state->pull >>= 2;
    return any;
}

static void condition(mcuedit_train *train, uint32_t k)
{
    const mcuedit_train_statistics *statistics = train->statistics;
    const int8_t *direction = statistics->directions + k * train->n;
    int64_t along = (int64_t)mcuedit_train_dot(direction, train->g, train->n) * statistics->damping[k];
    along >>= 30 - FRACTION;
    int32_t tau = along > MCUEDIT_INT16 ? MCUEDIT_INT16 : along < -MCUEDIT_INT16 ? -MCUEDIT_INT16 : (int32_t)along;
    mcuedit_train_add(train->acc, direction, -tau, train->n);
}

static void end_gradient(mcuedit_train *train)
{
    train->state->fold = (uint8_t)mcuedit_train_fold(train->acc, train->n, mcuedit_train_limit(train->n));
    for (uint32_t j = 0; j < train->n; j++) {
        train->g[MCUEDIT_AT(j, train->n)] = (int16_t)train->acc[j];
        train->acc[j] *= 1 << FRACTION;
    }
    enter(train, TRAIN_CONDITION);
}

/* Weights of half the size with scores of the same. */
static void halve(mcuedit_train *train)
{
    for (uint32_t j = 0; j < train->n; j++) {
        train->w[j] = (int16_t)(train->w[j] >> 1);
        train->v[j] = (int16_t)(train->v[j] >> 1);
    }
    train->state->shift--;
}

/* The step itself. */
static void update(mcuedit_train *train)
{
    mcuedit_train_state *state = train->state;
    int32_t peak = 0, steps = train->statistics->steps, most = mcuedit_train_limit(train->n);
    int32_t k = 31 - (train->statistics->rate_shift + state->shift + state->fold - FRACTION - 2);
    int32_t left = steps - state->step;
    int32_t rate = (int32_t)((uint32_t)left * 256u / (uint32_t)steps);
    k = mcuedit_clamp(k, 1, 62);
    for (uint32_t j = 0; j < train->n; j++) {
        int16_t *w = &train->w[MCUEDIT_AT(j, train->n)];
        int32_t change = mcuedit_train_scaled(train->acc[j], train->statistics->rate_multiplier, k);
        int16_t v = to_int16(train->v[j] - ((train->v[j] + 4) >> 3) + change + ((*w + 64) >> 7));
        int32_t to = *w - ((rate * v + 128) >> 8);
        *w = (int16_t)mcuedit_clamp(to, -most, most);
        state->saturated |= *w != to;
        peak = *w > peak ? *w : -*w > peak ? -*w : peak;
        train->v[j] = v;
    }
    if (2 * peak > most && state->shift != 0) {
        halve(train);
    }
    state->vb = mcuedit_clamp(state->vb - ((state->vb + 4) >> 3) + state->pull, -BIAS_MAX, BIAS_MAX);
    state->b = mcuedit_clamp(state->b - ((rate * state->vb + 128) >> 8), -BIAS_MAX, BIAS_MAX);
    state->step++;
    enter(train, state->step == steps ? TRAIN_END : TRAIN_SCORE);
}

/* The work of one sample, or of one direction. */
static int piece(mcuedit_train *train)
{
    mcuedit_train_state *state = train->state;
    uint32_t index = state->index++;
    switch (state->phase) {
    case TRAIN_SCORE:
        score(train, index);
        if (state->index == train->samples) {
            if (!coefficients(train)) {
                enter(train, TRAIN_END);
            } else {
                begin_gradient(train);
            }
        }
        return MCUEDIT_OK;
    case TRAIN_GRADIENT:
        if (train->scores[index] != 0) {
            mcuedit_train_add(train->acc, mcuedit_train_sample(train, index), train->scores[index], train->n);
        }
        if (state->index == train->samples) {
            end_gradient(train);
        }
        return MCUEDIT_OK;
    default:
        if (index < train->statistics->direction_count) {
            condition(train, index);
        } else if (state->margin == 0) {
            return first_weights(train);
        } else {
            update(train);
        }
        return MCUEDIT_OK;
    }
}

int mcuedit_train_step(const mcuedit_train_gate *gate, mcuedit_train_state *state, uint32_t budget)
{
    mcuedit_train train = mcuedit_train_open(gate, state);
    if (state->phase == TRAIN_IDLE) {
        if (state->corrections == 0) {
            return MCUEDIT_E_STATE;
        }
        if (state->replay < gate->replay_least) {
            return MCUEDIT_E_REPLAY;
        }
        begin(&train);
    }
    while (state->phase != TRAIN_END) {
        uint32_t cost = state->phase == TRAIN_CONDITION ? 2u * train.n : train.n;
        int err = piece(&train);
        if (err) {
            enter(&train, TRAIN_IDLE);
            return err;
        }
        if (budget <= cost) {
            return state->phase == TRAIN_END ? MCUEDIT_OK : MCUEDIT_TRAIN_MORE;
        }
        budget -= cost;
    }
    return MCUEDIT_OK;
}
