/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps over one sample each: forward, hinge, backward, and a change of A and B whose largest element is as long as the
 * rate says (SPEC.md, section 7). Work is cut into pieces of one op. The numpy twin is mcuedit/learning/factors.py.
 */
#include <stdbool.h>

#include "fixedpoint.h"
#include "train_factors.h"
#include "train_math.h"

enum { D_MAX = 255, MARGIN = 8, CALM = 2, FOLD = 1 << 14 };

int32_t mcuedit_train_factors_reach(const mcuedit_train_f *train, const int8_t *x, uint32_t k)
{
    int32_t sum = mcuedit_train_dot(x, train->a + k * train->pitch, train->n);
    return (sum - train->op->input_zero_point * train->sum[k]) >> FACTOR_Q;
}

static void project(const mcuedit_train_f *train, const int8_t *x)
{
    for (uint32_t k = 0; k < train->rank; k++) {
        int32_t reach = mcuedit_train_factors_reach(train, x, k) - train->threshold[k];
        train->h[k] = mcuedit_clamp(mcuedit_mbqm(reach, train->m[k], train->s[k]), train->least, 127);
    }
}

static void add(const mcuedit_train_f *train, int8_t *y)
{
    const int16_t *b = train->b;
    int32_t any = 0;
    for (uint32_t k = 0; k < train->rank; k++) {
        any |= train->h[k];
    }
    for (uint32_t i = 0; i < train->n_out; i++) {
        int32_t sum = 0;
        for (uint32_t k = 0; k < train->rank; k++) {
            sum += *b++ * train->h[k];
        }
        int32_t d = mcuedit_mbqm(sum >> FACTOR_Q, train->factors->multiplier, train->factors->shift);
        d = mcuedit_clamp(d, -D_MAX, D_MAX);
        train->d[i] = (int16_t)d;
        if (any != 0) {
            y[i] = (int8_t)mcuedit_clamp(y[i] + d, train->op->act_lo, train->op->act_hi);
        }
    }
}

void mcuedit_train_factors_forward(const mcuedit_train_f *train, const int8_t *x, uint32_t index)
{
    const mcuedit_train_link *link = train->factors->links;
    int8_t *y = train->values;
    for (; index != 0; index--, link++) {
        x = y;
        y += link->n_out;
    }
    link->forward(link->op, x, y);
    if (link == train->factors->links) {
        project(train, x);
        add(train, y);
    }
}

int32_t mcuedit_train_factors_lead(const mcuedit_train_f *train, uint32_t wanted, uint32_t *rival)
{
    uint32_t classes = train->factors->links[train->factors->link_count - 1u].n_out;
    const int8_t *logits = train->values + train->factors->values - classes;
    int32_t best = INT32_MIN;
    for (uint32_t i = 0; i < classes; i++) {
        if (i != wanted && logits[i] > best) {
            best = logits[i];
            *rival = i;
        }
    }
    return logits[wanted] - best;
}

/* So that the largest magnitude is 127: what to multiply by, 16 bits below the point. 0: all are 0. */
static int32_t to_peak(const int32_t *values, uint32_t n)
{
    int32_t peak = 0;
    for (uint32_t i = 0; i < n; i++) {
        int32_t size = values[i] < 0 ? -values[i] : values[i];
        peak = size > peak ? size : peak;
    }
    return peak == 0 ? 0 : (127 << 16) / peak;
}

/* The gradient at the op's output, and from it that at h. Returns false if nothing passes. */
static bool gather(const mcuedit_train_f *train)
{
    int32_t *g = train->g;
    for (uint32_t i = 0; i < train->n_out; i++) {
        int32_t d = train->d[i];
        g[i] = d == D_MAX || d == -D_MAX
                   ? 0
                   : mcuedit_train_unclamped(g[i], train->values[i], train->op->act_lo, train->op->act_hi);
    }
    mcuedit_train_fold(g, train->n_out, FOLD);
    int32_t unit = to_peak(g, train->n_out);
    for (uint32_t k = 0; k < train->rank; k++) {
        train->at_h[k] = 0;
    }
    const int16_t *b = train->b;
    for (uint32_t i = 0; i < train->n_out; i++) {
        g[i] = (g[i] * unit) >> 16;
        for (uint32_t k = 0; k < train->rank; k++) {
            train->at_h[k] += g[i] * (*b++ >> FACTOR_Q);
        }
    }
    for (uint32_t k = 0; k < train->rank; k++) {
        if (train->h[k] <= train->least || train->h[k] >= 127) {
            train->at_h[k] = 0;
        }
    }
    return unit != 0;
}

static void move_b(const mcuedit_train_f *train, int32_t rate)
{
    int32_t unit = to_peak(train->h, train->rank), h[MCUEDIT_TRAIN_RANK];
    int16_t *b = train->b;
    for (uint32_t k = 0; k < train->rank; k++) {
        h[k] = (train->h[k] * unit) >> 16;
    }
    for (uint32_t i = 0; unit != 0 && i < train->n_out; i++) {
        int32_t step = rate * train->g[i];
        for (uint32_t k = 0; k < train->rank; k++, b++) {
            int32_t to = *b - ((step * h[k] + 8192) >> 14);
            *b = (int16_t)mcuedit_clamp(to, -FACTOR_MOST, FACTOR_MOST);
            train->state->saturated |= to != *b;
        }
    }
}

static void move_a(const mcuedit_train_f *train, const int8_t *x, int32_t rate)
{
    mcuedit_train_fold(train->at_h, train->rank, FOLD);
    int32_t unit = to_peak(train->at_h, train->rank), zx = train->op->input_zero_point, most = 1;
    for (uint32_t j = 0; j < train->n; j++) {
        int32_t away = x[j] - zx;
        most = away > most ? away : -away > most ? -away : most;
    }
    for (uint32_t k = 0; unit != 0 && k < train->rank; k++) {
        int32_t c = rate * ((train->at_h[k] * unit) >> 16) * 512 / most;
        train->sum[k] = mcuedit_train_move(train->a + k * train->pitch, x, c, zx, FACTOR_MOST, train->n);
    }
}

/* The sample of this step. */
static uint32_t sample(const mcuedit_train_f *train)
{
    const mcuedit_train_factors_state *state = train->state;
    uint32_t turn = state->step >> 1;
    return (state->step & 1u) == 0 ? turn % state->corrections
                                   : train->factors->correction_count + turn % state->replay;
}

static void next(const mcuedit_train_f *train)
{
    mcuedit_train_factors_state *state = train->state;
    uint32_t rows = state->corrections > state->replay ? state->corrections : state->replay;
    state->step++;
    state->index = 0;
    state->phase = state->calm >= 2u * rows || state->step == train->factors->steps ? FACTOR_END : FACTOR_FORWARD;
}

/* At the logits: what pulls, if the sample is not as it should be. */
static void judge(const mcuedit_train_f *train)
{
    mcuedit_train_factors_state *state = train->state;
    const mcuedit_train_factors *factors = train->factors;
    uint32_t wanted = train->classes[sample(train)], rival = 0;
    uint32_t classes = factors->links[factors->link_count - 1u].n_out;
    int32_t lead = mcuedit_train_factors_lead(train, wanted, &rival);
    bool at_top = train->values[factors->values - classes + wanted] == INT8_MAX && lead > 0;
    state->calm++;
    if (lead >= ((state->step & 1u) == 0 ? MARGIN : CALM) || at_top) {
        next(train);
        return;
    }
    for (uint32_t i = 0; i < classes; i++) {
        train->g[i] = i == wanted ? -64 : i == rival ? 64 : 0;
    }
    state->calm = 0;
    state->phase = FACTOR_BACKWARD;
    state->index = (uint16_t)(factors->link_count - 1u);
}

/* Through link `index`, from its output to its input. */
static void backward(const mcuedit_train_f *train, uint32_t index)
{
    const mcuedit_train_link *link = train->factors->links;
    const int8_t *x = train->values, *y = x;
    for (; index != 0; index--, link++) {
        x = y;
        y += link->n_out;
    }
    mcuedit_train_fold(train->g, link->n_out, mcuedit_train_limit(link->n_out));
    for (uint32_t j = 0; j < link->n_in; j++) {
        train->acc[j] = 0;
    }
    link->backward(link->op, x, y, train->g, train->acc);
    for (uint32_t j = 0; j < link->n_in; j++) {
        train->g[j] = train->acc[j];
    }
}

/* One op's work; returns its multiply-accumulates. */
static uint32_t piece(const mcuedit_train_f *train)
{
    mcuedit_train_factors_state *state = train->state;
    const mcuedit_train_factors *factors = train->factors;
    const int8_t *x = mcuedit_train_factors_row(train, sample(train));
    uint32_t index = state->index, delta = train->rank * (train->n + train->n_out);
    if (state->phase == FACTOR_FORWARD) {
        mcuedit_train_factors_forward(train, x, index);
        state->index++;
        if (state->index == factors->link_count) {
            judge(train);
        }
    } else if (index != 0) {
        backward(train, index);
        state->index--;
    } else {
        int32_t left = factors->steps - state->step;
        if (gather(train)) {
            move_b(train, factors->rate_b * left / factors->steps);
            move_a(train, x, factors->rate_a * left / factors->steps);
        }
        next(train);
        return 2u * delta;
    }
    return factors->links[index].macs + (index == 0 ? delta : 0);
}

int mcuedit_train_factors_step(const mcuedit_train_factors *factors, void *workspace, uint32_t budget)
{
    mcuedit_train_f train = mcuedit_train_factors_open(factors, workspace);
    mcuedit_train_factors_state *state = train.state;
    if (state->phase == FACTOR_IDLE) {
        if (state->corrections == 0) {
            return MCUEDIT_E_STATE;
        }
        if (state->replay == 0 || state->replay < factors->replay_least) {
            return MCUEDIT_E_REPLAY;
        }
        int err = mcuedit_train_factors_begin(&train);
        if (err) {
            return err;
        }
        state->index = 0;
        state->phase = FACTOR_FORWARD;
    }
    while (state->phase != FACTOR_END) {
        uint32_t cost = piece(&train);
        if (budget <= cost) {
            break;
        }
        budget -= cost;
    }
    return state->phase == FACTOR_END ? MCUEDIT_OK : MCUEDIT_TRAIN_MORE;
}
