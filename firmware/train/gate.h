/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUEDIT_TRAIN_GATE_H
#define MCUEDIT_TRAIN_GATE_H

/* What lies in a workspace, for gate.c, gate_step.c and gate_result.c. */

#include "mcuedit/train.h"

/* Samples are counted: the centre, the corrections, what is in flash, the replay. */
typedef struct {
    mcuedit_train_state *state;
    const mcuedit_train_statistics *statistics;
    int32_t *acc;    /* [n_in] */
    int16_t *w;      /* [n_in] */
    int16_t *v;      /* [n_in] */
    int16_t *g;      /* [n_in] */
    int16_t *scores; /* [samples] */
    int8_t *own;     /* [corrections][n_in] */
    int8_t *replay;  /* [replay][n_in] */
    uint32_t n;
    uint32_t first; /* of the samples that must stay */
    uint32_t samples;
} mcuedit_train;

mcuedit_train mcuedit_train_open(const mcuedit_train_gate *gate, mcuedit_train_state *state);
const int8_t *mcuedit_train_sample(const mcuedit_train *train, uint32_t index);

/* Phases of the state. */
enum { TRAIN_IDLE, TRAIN_SCORE, TRAIN_GRADIENT, TRAIN_CONDITION, TRAIN_END };

#endif
