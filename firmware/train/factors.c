/* SPDX-License-Identifier: Apache-2.0 */
/* The workspace of factors in training, its samples, and where factors start. */
#include "factors.h"

#include <stdbool.h>
#include <stddef.h>

#include "../core/fixedpoint.h"
#include "train_math.h"

MCUEDIT_STATIC_ASSERT(sizeof(mcuedit_train_factors_state) % 4 == 0, words_follow_the_state_of_factors);

enum { START = 100, PEAK = 100 };

mcuedit_train_f mcuedit_train_factors_open(const mcuedit_train_factors *factors, mcuedit_train_factors_state *state)
{
    mcuedit_train_f train;
    uint32_t rank = factors->rank, samples = (uint32_t)factors->correction_count + factors->replay_count;
    train.state = state;
    train.factors = factors;
    train.op = &factors->base->ops[factors->op];
    train.n = train.op->n_in;
    train.n_out = train.op->n_out;
    train.positions = train.op->positions;
    train.rank = rank;
    train.pitch = (train.n + 1u) & ~1u;
    train.least = factors->gated ? 0 : -127;
    train.sum = (int32_t *)(train.state + 1);
    train.threshold = train.sum + rank;
    train.m = train.threshold + rank;
    train.s = train.m + rank;
    train.at_h = train.s + rank;
    train.g = train.at_h + rank;
    train.acc = train.g + factors->width;
    train.a = (mcuedit_train_master *)(train.acc + factors->width);
    train.b = train.a + rank * train.pitch;
    train.classes = (uint16_t *)(train.b + rank * train.n_out);
    train.values =
        (int8_t *)(train.classes + samples + ((rank * train.n_out * (sizeof(*train.b) / 2u) + samples) & 1u));
    train.h = train.values + factors->values;
    train.samples = train.h + train.positions * rank;
    return train;
}

const int8_t *mcuedit_train_factors_sample(const mcuedit_train_f *train, uint32_t index)
{
    return train->samples + index * train->positions * train->n;
}

#if MCUEDIT_TRAIN_FLOAT
static int32_t dot(const int8_t *x, const float *a, uint32_t n)
{
    int32_t sum = 0;
    for (; n != 0; n--) {
        sum += *x++ * (int32_t)*a++;
    }
    return sum;
}
#else
static int32_t dot(const int8_t *x, const int16_t *a, uint32_t n)
{
    return mcuedit_train_dot(x, a, n);
}
#endif

int32_t mcuedit_train_factors_reach(const mcuedit_train_f *train, const int8_t *x, uint32_t k)
{
    int32_t sum = dot(x, train->a + k * train->pitch, train->n);
    return (sum - train->op->input_zero_point * train->sum[k]) >> FACTOR_Q;
}

uint32_t mcuedit_train_draw(uint32_t *state)
{
    uint32_t x = *state; /* xorshift32 */
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    *state = x;
    return x;
}

int mcuedit_train_factors_init(const mcuedit_train_factors *factors, mcuedit_train_factors_state *state, uint32_t size,
                               uint32_t seed)
{
    if (factors->op >= factors->base->op_count || factors->layer_count == 0) {
        return MCUEDIT_E_GEOMETRY;
    }
    const mcuedit_op *op = &factors->base->ops[factors->op];
    if (op->n_in == 0 || op->positions > MCUEDIT_TRAIN_POSITIONS) {
        return MCUEDIT_E_GEOMETRY;
    }
    if (op->n_in > MCUEDIT_TRAIN_WIDTH || factors->rank == 0 || factors->rank > MCUEDIT_TRAIN_RANK ||
        factors->correction_count == 0 || factors->steps == 0) {
        return MCUEDIT_E_BOUND;
    }
    if (((uintptr_t)state & 3u) != 0) {
        return MCUEDIT_E_ALIGN;
    }
    uint32_t needed = (uint32_t)MCUEDIT_TRAIN_FACTORS_SIZE(
        op->positions, op->n_in, op->n_out, factors->rank, factors->width, factors->values,
        (uint32_t)factors->correction_count, (uint32_t)factors->replay_count);
    if (size < needed) {
        return MCUEDIT_E_CAPACITY;
    }
    mcuedit_train_forget(state, needed);
    state->size = needed;
    state->random = seed != 0 ? seed : 1u;
    return MCUEDIT_OK;
}

/* Where among `count` samples from `first` on x is; count: nowhere. */
static uint32_t find(const mcuedit_train_f *train, uint32_t first, uint32_t count, const int8_t *x)
{
    for (uint32_t i = 0; i < count; i++) {
        const int8_t *sample = mcuedit_train_factors_sample(train, first + i);
        uint32_t same = 0;
        while (same < train->positions * train->n && sample[same] == x[same]) {
            same++;
        }
        if (same == train->positions * train->n) {
            return i;
        }
    }
    return count;
}

/* E_STATE, E_CLASS, E_CONTRADICTION, or 1: x is there already, with this class. */
static int refuse(const mcuedit_train_f *train, const int8_t *x, uint32_t class)
{
    const mcuedit_train_factors *factors = train->factors;
    const mcuedit_train_factors_state *state = train->state;
    if (state->phase != FACTOR_IDLE) {
        return MCUEDIT_E_STATE;
    }
    if (class >= factors->layers[factors->layer_count - 1u].n_out) {
        return MCUEDIT_E_CLASS;
    }
    uint32_t own = find(train, 0, state->corrections, x);
    uint32_t kept = find(train, factors->correction_count, state->replay, x);
    if (own != state->corrections) {
        return train->classes[own] == class ? 1 : MCUEDIT_E_CONTRADICTION;
    }
    if (kept != state->replay) {
        return train->classes[factors->correction_count + kept] == class ? 1 : MCUEDIT_E_CONTRADICTION;
    }
    return MCUEDIT_OK;
}

static void put_sample(mcuedit_train_f *train, uint32_t index, const int8_t *x, uint32_t class)
{
    uint32_t size = train->positions * train->n;
    for (uint32_t j = 0; j < size; j++) {
        train->samples[index * size + j] = x[j];
    }
    train->classes[index] = (uint16_t)class;
}

int mcuedit_train_factors_add_correction(const mcuedit_train_factors *factors, mcuedit_train_factors_state *state,
                                         const int8_t *x, uint16_t wanted)
{
    mcuedit_train_f train = mcuedit_train_factors_open(factors, state);
    int err = refuse(&train, x, wanted);
    if (err) {
        return err > 0 ? MCUEDIT_OK : err;
    }
    if (train.state->corrections == factors->correction_count) {
        return MCUEDIT_E_FULL;
    }
    put_sample(&train, train.state->corrections, x, wanted);
    train.state->corrections++;
    return MCUEDIT_OK;
}

int mcuedit_train_factors_add_replay(const mcuedit_train_factors *factors, mcuedit_train_factors_state *state,
                                     const int8_t *x, uint16_t answer)
{
    mcuedit_train_f train = mcuedit_train_factors_open(factors, state);
    int err = refuse(&train, x, answer);
    if (err) {
        return err > 0 ? MCUEDIT_OK : err;
    }
    uint32_t at = state->replay;
    state->seen++;
    if (at == factors->replay_count) {
        at = mcuedit_train_draw(&state->random) % state->seen;
    } else {
        state->replay++;
    }
    if (at < factors->replay_count) {
        put_sample(&train, factors->correction_count + at, x, answer);
    }
    return MCUEDIT_OK;
}

/* Mean of the confirmed inputs at element j. */
static int32_t centre(const mcuedit_train_f *train, uint32_t j)
{
    uint32_t sum = 0, count = train->state->replay * train->positions;
    const int8_t *x = mcuedit_train_factors_sample(train, train->factors->correction_count) + j;
    for (uint32_t i = count; i != 0; i--, x += train->n) {
        sum += (uint32_t)(*x + 128);
    }
    return (int32_t)(sum / count) - 128;
}

/* The position of an input whose elements are farthest from that mean. */
static const int8_t *farthest(const mcuedit_train_f *train, const int8_t *x)
{
    const int8_t *found = x;
    int32_t most = -1;
    for (uint32_t left = train->positions; left != 0; left--, x += train->n) {
        int32_t apart = 0;
        for (uint32_t j = 0; j < train->n && train->positions > 1; j++) {
            int32_t away = x[j] - centre(train, j);
            apart += away < 0 ? -away : away;
        }
        if (apart > most) {
            most = apart;
            found = x;
        }
    }
    return found;
}

/* The largest reach of an input's positions. */
static int32_t reach_of(const mcuedit_train_f *train, uint32_t index, uint32_t k)
{
    const int8_t *x = mcuedit_train_factors_sample(train, index);
    int32_t most = INT32_MIN;
    for (uint32_t left = train->positions; left != 0; left--, x += train->n) {
        int32_t reach = mcuedit_train_factors_reach(train, x, k);
        most = reach > most ? reach : most;
    }
    return most;
}

/* A row of A: from the mean of what must stay to a correction; a further one to the same correction is shaken. */
static int32_t first_row(mcuedit_train_f *train, uint32_t k)
{
    uint32_t p = train->state->corrections, turn = k / p;
    const int8_t *x = farthest(train, mcuedit_train_factors_sample(train, k % p));
    mcuedit_train_master *a = train->a + k * train->pitch;
    int32_t peak = 0;
    for (uint32_t j = 0; j < train->n; j++) {
        int32_t u = x[j] - centre(train, j);
        if (turn != 0) {
            u += ((int32_t)(mcuedit_train_draw(&train->state->random) >> 27) - 16) * (int32_t)turn;
        }
        a[FACTOR_AT(j, train->n)] = (mcuedit_train_master)u;
        peak = u > peak ? u : -u > peak ? -u : peak;
    }
    train->sum[k] = 0;
    for (uint32_t j = 0; peak != 0 && j < train->n; j++) {
        a[j] = (mcuedit_train_master)((int32_t)a[j] * (START << FACTOR_Q) / peak);
        train->sum[k] += (int32_t)a[j];
    }
    return peak;
}

/* Multiplier and shift of PEAK / over, at most 1. */
static void scale(mcuedit_train_f *train, uint32_t k, int32_t over)
{
    uint32_t m = INT32_MAX;
    int32_t s = 0;
    if (over > PEAK) {
        m = ((uint32_t)PEAK << 24) / (uint32_t)over;
        for (s = 7; m < UINT32_C(1) << 30; s--) {
            m <<= 1;
        }
    }
    train->m[k] = (int32_t)m;
    train->s[k] = s;
}

/* Whether correction i is one that factor k starts from. */
static bool belongs(const mcuedit_train_f *train, uint32_t i, uint32_t k)
{
    uint32_t p = train->state->corrections;
    return train->rank >= p ? i == k % p : i % train->rank == k;
}

/* Where the gate of factor k stands, and how its sums become h. */
static void place(mcuedit_train_f *train, uint32_t k)
{
    const mcuedit_train_factors *factors = train->factors;
    int32_t missed = INT32_MAX, most = INT32_MIN, strays = INT32_MIN;
    for (uint32_t i = 0; i < train->state->corrections; i++) {
        if (belongs(train, i, k)) {
            int32_t reach = reach_of(train, i, k);
            missed = reach < missed ? reach : missed;
            most = reach > most ? reach : most;
        }
    }
    for (uint32_t i = 0; i < train->state->replay; i++) {
        int32_t reach = reach_of(train, factors->correction_count + i, k);
        strays = reach > strays ? reach : strays;
    }
    int32_t margin = missed - strays, at = 0;
    if (factors->gated) {
        at = margin > 0 ? strays + ((factors->place * margin) >> 8) : missed >> 1;
    }
    train->threshold[k] = at;
    int32_t over = most - at > at - missed ? most - at : at - missed;
    scale(train, k, over > 1 ? over : 1);
}

int mcuedit_train_factors_begin(mcuedit_train_f *train)
{
    for (uint32_t k = 0; k < train->rank; k++) {
        if (first_row(train, k) == 0) {
            return MCUEDIT_E_DIVERGED;
        }
    }
    for (uint32_t k = 0; k < train->rank; k++) {
        place(train, k);
    }
    for (uint32_t i = 0; i < train->rank * train->n_out; i++) {
        train->b[i] = 0;
    }
    train->state->step = 0;
    train->state->steps_without_loss = 0;
    return MCUEDIT_OK;
}
