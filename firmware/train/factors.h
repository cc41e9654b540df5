/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUEDIT_TRAIN_FACTORS_PRIVATE_H
#define MCUEDIT_TRAIN_FACTORS_PRIVATE_H

/* What lies in a workspace, for the factors*.c. */

#include "mcuedit/train_factors.h"

enum { FACTOR_Q = 7, FACTOR_MOST = 127 << FACTOR_Q }; /* bits of a master below an int8 step */

/* Where element j of n of a row of A is; see train_math.h. */
#if MCUEDIT_TRAIN_FLOAT
#define FACTOR_AT(j, n) (j)
#else
#define FACTOR_AT(j, n) MCUEDIT_AT(j, n)
#endif

typedef struct {
    mcuedit_train_factors_state *state;
    const mcuedit_train_factors *factors;
    const mcuedit_op *op;
    int32_t *sum;            /* [rank]: of a row of A */
    int32_t *threshold;      /* [rank] */
    int32_t *m;              /* [rank] */
    int32_t *s;              /* [rank] */
    int32_t *at_h;           /* [rank] */
    int32_t *g;              /* [width] */
    int32_t *acc;            /* [width] */
    mcuedit_train_master *a; /* [rank][pitch] */
    mcuedit_train_master *b; /* [n_out][rank] */
    uint16_t *classes;       /* [corrections + replay] */
    int8_t *values;          /* outputs of all layers */
    int8_t *h;               /* [positions][rank]: of the sample at hand */
    int8_t *samples;         /* [corrections + replay][positions][n_in] */
    uint32_t n;
    uint32_t positions; /* of the op */
    uint32_t n_out;
    uint32_t rank;
    uint32_t pitch;
    int32_t least; /* h is at least that */
} mcuedit_train_f;

mcuedit_train_f mcuedit_train_factors_open(const mcuedit_train_factors *factors, mcuedit_train_factors_state *state);

/* Sample `index` of the corrections, or of the replay from correction_count on. */
const int8_t *mcuedit_train_factors_sample(const mcuedit_train_f *train, uint32_t index);

/* A . (x - zx) of factor k, at one position. */
int32_t mcuedit_train_factors_reach(const mcuedit_train_f *train, const int8_t *x, uint32_t k);

/* Layer `index` of the sample x: its output, with the delta for the first. */
void mcuedit_train_factors_forward(mcuedit_train_f *train, const int8_t *x, uint32_t index);

/* By how much class `wanted` leads, and the best of the others. */
int32_t mcuedit_train_factors_lead(const mcuedit_train_f *train, uint32_t wanted, uint32_t *rival);

/* Where factors start. MCUEDIT_E_DIVERGED: a correction is the mean of what must stay. */
int mcuedit_train_factors_begin(mcuedit_train_f *train);

/* The part of a gradient that passes a clamp. */
int32_t mcuedit_train_unclamped(int32_t g, int32_t y, int32_t lo, int32_t hi);

uint32_t mcuedit_train_draw(uint32_t *state);

enum { FACTOR_IDLE, FACTOR_FORWARD, FACTOR_BACKWARD, FACTOR_END };

#endif
