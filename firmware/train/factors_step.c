/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps over one sample each: forward, hinge, backward, and a change of A and B whose largest element is as long as the
 * rate says (SPEC.md, section 13). Work is cut into pieces of one op. The numpy twin is mcuedit/ondevice/factors.py.
 */
#include <stdbool.h>

#include "../core/fixedpoint.h"
#include "factors.h"
#include "train_math.h"

enum { D_MAX = 255, MARGIN = 8, LEAST_LEAD = 2, FOLD = 1 << 14 };

#if MCUEDIT_TRAIN_FLOAT

typedef float wide; /* what masters are computed in */

/* change / 2^bits. Exact once it is a float: with or without a fused multiply-add, a master becomes the same. */
static inline wide cut(int32_t change, int32_t half, uint32_t bits)
{
    (void)half;
    return (float)change / (float)(UINT32_C(1) << bits);
}

#else

typedef int32_t wide;

static inline wide cut(int32_t change, int32_t half, uint32_t bits)
{
    return (change + half) >> bits;
}

#endif

static void project(const mcuedit_train_f *train, const int8_t *x, int8_t *h)
{
    for (uint32_t k = 0; k < train->rank; k++) {
        int32_t reach = mcuedit_train_factors_reach(train, x, k) - train->threshold[k];
        h[k] = (int8_t)mcuedit_clamp(mcuedit_mbqm(reach, train->m[k], train->s[k]), train->least, 127);
    }
}

/* What is added to element i of a position's output. */
static inline int32_t amount(const mcuedit_train_f *train, const int8_t *h, uint32_t i)
{
    const mcuedit_train_master *b = train->b + i * train->rank;
    int32_t sum = 0;
    for (uint32_t k = 0; k < train->rank; k++) {
        sum += (int32_t)b[k] * h[k];
    }
    sum = mcuedit_mbqm(sum >> FACTOR_Q, train->factors->multiplier, train->factors->shift);
    return mcuedit_clamp(sum, -D_MAX, D_MAX);
}

static bool is_open(const mcuedit_train_f *train, const int8_t *h)
{
    for (uint32_t k = 0; k < train->rank; k++) {
        if (h[k] != 0) {
            return true;
        }
    }
    return false;
}

static void add(mcuedit_train_f *train, const int8_t *x, int8_t *y)
{
    int8_t *h = train->h;
    for (uint32_t left = train->positions; left != 0; left--, x += train->n, y += train->n_out, h += train->rank) {
        project(train, x, h);
        for (uint32_t i = is_open(train, h) ? 0 : train->n_out; i < train->n_out; i++) {
            y[i] = (int8_t)mcuedit_clamp(y[i] + amount(train, h, i), train->op->act_lo, train->op->act_hi);
        }
    }
}

void mcuedit_train_factors_forward(mcuedit_train_f *train, const int8_t *x, uint32_t index)
{
    const mcuedit_train_layer *layer = train->factors->layers;
    int8_t *y = train->values;
    for (; index != 0; index--, layer++) {
        x = y;
        y += layer->n_out;
    }
    layer->forward(layer->op, x, y);
    if (layer == train->factors->layers) {
        add(train, x, y);
    }
}

int32_t mcuedit_train_factors_lead(const mcuedit_train_f *train, uint32_t wanted, uint32_t *rival)
{
    uint32_t classes = train->factors->layers[train->factors->layer_count - 1u].n_out;
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

/* The gradient at the op's output, its largest element 127. Returns false if nothing passes. */
static bool gather(mcuedit_train_f *train)
{
    uint32_t size = train->positions * train->n_out;
    int32_t lo = train->op->act_lo, hi = train->op->act_hi;
    for (uint32_t at = 0; at < size; at++) {
        train->g[at] = mcuedit_train_unclamped(train->g[at], train->values[at], lo, hi);
    }
    mcuedit_train_fold(train->g, size, FOLD);
    int32_t unit = to_peak(train->g, size);
    for (uint32_t at = 0; at < size; at++) {
        train->g[at] = (train->g[at] * unit) >> 16;
    }
    return unit != 0;
}

/* The gradient at h of one position, from that at its output. */
static void to_h(mcuedit_train_f *train, const int32_t *g, const int8_t *h)
{
    for (uint32_t k = 0; k < train->rank; k++) {
        const mcuedit_train_master *b = train->b + k;
        int32_t sum = 0;
        for (uint32_t i = 0; i < train->n_out; i++, b += train->rank) {
            sum += g[i] * ((int32_t)*b >> FACTOR_Q);
        }
        train->at_h[k] = h[k] <= train->least || h[k] >= 127 ? 0 : sum;
    }
}

/* A master within its bounds. Returns whether it met one. */
static inline MCUEDIT_ALWAYS_INLINE bool set(mcuedit_train_master *master, wide to)
{
    wide most = FACTOR_MOST;
    *master = (mcuedit_train_master)(to > most ? most : to < -most ? -most : to);
    return to != *master;
}

/* What is added before `bits` bits are cut off. */
static int32_t half_of(mcuedit_train_f *train, uint32_t bits)
{
    return (int32_t)(train->factors->stochastic ? mcuedit_train_draw(&train->state->random) >> (32u - bits)
                                                : UINT32_C(1) << (bits - 1u));
}

static void move_b(mcuedit_train_f *train, int32_t rate)
{
    int32_t h[MCUEDIT_TRAIN_RANK];
    mcuedit_train_master *b = train->b;
    for (uint32_t k = 0; k < train->rank; k++) {
        h[k] = train->h[k];
    }
    int32_t unit = to_peak(h, train->rank);
    bool stochastic = train->factors->stochastic, met = false;
    for (uint32_t k = 0; k < train->rank; k++) {
        h[k] = (h[k] * unit) >> 16;
    }
    for (uint32_t i = 0; unit != 0 && i < train->n_out; i++) {
        int32_t step = rate * train->g[i];
        for (uint32_t k = 0; k < train->rank; k++, b++) {
            met |= set(b, *b - cut(step * h[k], stochastic ? half_of(train, 14) : 8192, 14));
        }
    }
    train->state->saturated |= met;
}

/* As mcuedit_train_move, for what that does not do. */
static int32_t move_row(mcuedit_train_f *train, mcuedit_train_master *a, const int8_t *x, int32_t c)
{
    int32_t sum = 0;
    for (uint32_t j = 0; j < train->n; j++) {
        mcuedit_train_master *at = &a[FACTOR_AT(j, train->n)];
        (void)set(at, *at - cut(c * (x[j] - train->op->input_zero_point), half_of(train, 16), 16));
        sum += (int32_t)*at;
    }
    return sum;
}

static void move_a(mcuedit_train_f *train, const int8_t *x, int32_t rate)
{
    mcuedit_train_fold(train->at_h, train->rank, FOLD);
    int32_t unit = to_peak(train->at_h, train->rank), zx = train->op->input_zero_point, most = 1;
    for (uint32_t j = 0; j < train->n; j++) {
        int32_t away = x[j] - zx;
        most = away > most ? away : -away > most ? -away : most;
    }
    for (uint32_t k = 0; unit != 0 && k < train->rank; k++) {
        int32_t c = rate * ((train->at_h[k] * unit) >> 16) * 512 / most;
        mcuedit_train_master *a = train->a + k * train->pitch;
#if MCUEDIT_TRAIN_FLOAT
        train->sum[k] = move_row(train, a, x, c);
#else
        train->sum[k] = train->factors->stochastic ? move_row(train, a, x, c)
                                                   : mcuedit_train_move(a, x, c, zx, FACTOR_MOST, train->n);
#endif
    }
}

/* Sums over all positions, in `acc`: first those of B, then those of A. */
static void sum_positions(mcuedit_train_f *train, const int8_t *x)
{
    uint32_t of_b = train->n_out * train->rank, down = 0;
    int32_t *sums = train->acc, zx = train->op->input_zero_point;
    while (UINT32_C(1) << down < train->n_out) {
        down++;
    }
    for (uint32_t i = 0; i < of_b + train->n * train->rank; i++) {
        sums[i] = 0;
    }
    const int32_t *g = train->g;
    const int8_t *h = train->h;
    for (uint32_t left = train->positions; left != 0; left--, x += train->n, g += train->n_out, h += train->rank) {
        to_h(train, g, h);
        for (uint32_t i = 0; i < of_b; i++) {
            sums[i] += g[i / train->rank] * h[i % train->rank];
        }
        for (uint32_t k = 0; k < train->rank; k++) {
            for (uint32_t j = 0; j < train->n; j++) {
                sums[of_b + k * train->n + j] += (train->at_h[k] >> down) * (x[j] - zx);
            }
        }
    }
}

/* The change of several positions together. */
static void move_positions(mcuedit_train_f *train, const int8_t *x, int32_t rate_a, int32_t rate_b)
{
    uint32_t of_b = train->n_out * train->rank;
    sum_positions(train, x);
    int32_t *sums = train->acc;
    mcuedit_train_fold(sums, of_b, FOLD);
    int32_t unit = to_peak(sums, of_b);
    for (uint32_t i = 0; unit != 0 && i < of_b; i++) {
        wide change = cut(rate_b * ((sums[i] * unit) >> 16), half_of(train, 7), 7);
        train->state->saturated |= set(&train->b[i], train->b[i] - change);
    }
    sums += of_b;
    mcuedit_train_fold(sums, train->rank * train->n, FOLD);
    unit = to_peak(sums, train->rank * train->n);
    for (uint32_t k = 0; unit != 0 && k < train->rank; k++) {
        mcuedit_train_master *a = train->a + k * train->pitch;
        train->sum[k] = 0;
        for (uint32_t j = 0; j < train->n; j++) {
            mcuedit_train_master *at = &a[FACTOR_AT(j, train->n)];
            (void)set(at, *at - cut(rate_a * ((*sums++ * unit) >> 16), half_of(train, 7), 7));
            train->sum[k] += (int32_t)*at;
        }
    }
}

/* The change of A and B. */
static void move(mcuedit_train_f *train, const int8_t *x)
{
    const mcuedit_train_factors *factors = train->factors;
    int32_t left = factors->steps - train->state->step;
    int32_t rate_a = factors->rate_a * left / factors->steps, rate_b = factors->rate_b * left / factors->steps;
    if (train->positions > 1) {
        move_positions(train, x, rate_a, rate_b);
        return;
    }
    to_h(train, train->g, train->h);
    move_b(train, rate_b);
    move_a(train, x, rate_a);
}

/* The sample of this step. */
static uint32_t sample(const mcuedit_train_f *train)
{
    const mcuedit_train_factors_state *state = train->state;
    uint32_t turn = state->step >> 1;
    return (state->step & 1u) == 0 ? turn % state->corrections
                                   : train->factors->correction_count + turn % state->replay;
}

static void next(mcuedit_train_f *train)
{
    mcuedit_train_factors_state *state = train->state;
    uint32_t samples = state->corrections > state->replay ? state->corrections : state->replay;
    state->step++;
    state->index = 0;
    state->phase =
        state->steps_without_loss >= 2u * samples || state->step == train->factors->steps ? FACTOR_END : FACTOR_FORWARD;
}

/* At the logits: what pulls, if the sample is not as it should be. */
static void judge(mcuedit_train_f *train)
{
    mcuedit_train_factors_state *state = train->state;
    const mcuedit_train_factors *factors = train->factors;
    uint32_t wanted = train->classes[sample(train)], rival = 0;
    uint32_t classes = factors->layers[factors->layer_count - 1u].n_out;
    int32_t lead = mcuedit_train_factors_lead(train, wanted, &rival);
    bool at_top = train->values[factors->values - classes + wanted] == INT8_MAX && lead > 0;
    state->steps_without_loss++;
    if (lead >= ((state->step & 1u) == 0 ? MARGIN : LEAST_LEAD) || at_top) {
        next(train);
        return;
    }
    for (uint32_t i = 0; i < classes; i++) {
        train->g[i] = i == wanted ? -64 : i == rival ? 64 : 0;
    }
    state->steps_without_loss = 0;
    state->phase = FACTOR_BACKWARD;
    state->index = (uint16_t)(factors->layer_count - 1u);
}

/* Through layer `index`, from its output to its input. */
static void backward(mcuedit_train_f *train, uint32_t index)
{
    const mcuedit_train_layer *layer = train->factors->layers;
    const int8_t *x = train->values, *y = x;
    for (; index != 0; index--, layer++) {
        x = y;
        y += layer->n_out;
    }
    mcuedit_train_fold(train->g, layer->n_out, mcuedit_train_limit(layer->n_out));
    for (uint32_t j = 0; j < layer->n_in; j++) {
        train->acc[j] = 0;
    }
    layer->backward(layer->op, x, y, train->g, train->acc);
    for (uint32_t j = 0; j < layer->n_in; j++) {
        train->g[j] = train->acc[j];
    }
}

/* One op's work; returns its multiply-accumulates. */
static uint32_t piece(mcuedit_train_f *train)
{
    mcuedit_train_factors_state *state = train->state;
    const mcuedit_train_factors *factors = train->factors;
    const int8_t *x = mcuedit_train_factors_sample(train, sample(train));
    uint32_t index = state->index, delta = train->positions * train->rank * (train->n + train->n_out);
    if (state->phase == FACTOR_FORWARD) {
        mcuedit_train_factors_forward(train, x, index);
        state->index++;
        if (state->index == factors->layer_count) {
            judge(train);
        }
    } else if (index != 0) {
        backward(train, index);
        state->index--;
    } else {
        if (gather(train)) {
            move(train, x);
        }
        next(train);
        return 2u * delta;
    }
    return factors->layers[index].macs + (index == 0 ? delta : 0);
}

int mcuedit_train_factors_step(const mcuedit_train_factors *factors, mcuedit_train_factors_state *state,
                               uint32_t budget)
{
    mcuedit_train_f train = mcuedit_train_factors_open(factors, state);
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
