/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Training of factors by gradient, for any correction that a gate alone cannot make: A and B of one op, through the ops
 * behind it with the base's own weights (SPEC.md, section 13). As in train.h, the workspace has no pointers, and can be
 * written away and put back at any time.
 */
#ifndef MCUEDIT_TRAIN_FACTORS_H
#define MCUEDIT_TRAIN_FACTORS_H

#include "mcuedit/kernels.h"
#include "mcuedit/config.h"
#include "mcuedit/train.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MCUEDIT_TRAIN_RANK      8   /* most factors */
#define MCUEDIT_TRAIN_POOL      256 /* most pixels under the window of a pool */
#define MCUEDIT_TRAIN_POSITIONS 256 /* most positions of the trained op */

/*
 * A master, in 128ths of an int8 step. With MCUEDIT_TRAIN_FLOAT, which the library and whoever uses this header must
 * then be built with, it keeps what lies below that; whatever reads a master takes its whole part.
 */
#if MCUEDIT_TRAIN_FLOAT
typedef float mcuedit_train_master;
#else
typedef int16_t mcuedit_train_master;
#endif

/* One op on flat arrays: how it runs, and how a gradient comes back through it. Generated code fills it. */
typedef struct {
    const void *op; /* its parameters in the engine */
    void (*forward)(const void *op, const int8_t *x, int8_t *y);
    /* Adds to `acc` the gradient by x. `g` is that by y, and is overwritten. */
    void (*backward)(const void *op, const int8_t *x, const int8_t *y, int32_t *g, int32_t *acc);
    uint16_t n_in;
    uint16_t n_out;
    uint32_t macs;
} mcuedit_train_layer;

/* For mcuedit_train_layer: FULLY_CONNECTED and CONV_2D over single pixels; ops that are a table; pools. */
void mcuedit_train_matmul_forward(const void *op, const int8_t *x, int8_t *y);
void mcuedit_train_matmul_backward(const void *op, const int8_t *x, const int8_t *y, int32_t *g, int32_t *acc);
void mcuedit_train_lookup_forward(const void *op, const int8_t *x, int8_t *y);
void mcuedit_train_lookup_backward(const void *op, const int8_t *x, const int8_t *y, int32_t *g, int32_t *acc);

void mcuedit_train_average_forward(const void *op, const int8_t *x, int8_t *y);
void mcuedit_train_average_backward(const void *op, const int8_t *x, const int8_t *y, int32_t *g, int32_t *acc);
void mcuedit_train_max_forward(const void *op, const int8_t *x, int8_t *y);
void mcuedit_train_max_backward(const void *op, const int8_t *x, const int8_t *y, int32_t *g, int32_t *acc);

/* Convolutions; the forward of a CONV_2D is generated, because it takes scratch. */
void mcuedit_train_conv_backward(const void *op, const int8_t *x, const int8_t *y, int32_t *g, int32_t *acc);
void mcuedit_train_depthwise_forward(const void *op, const int8_t *x, int8_t *y);
void mcuedit_train_depthwise_backward(const void *op, const int8_t *x, const int8_t *y, int32_t *g, int32_t *acc);
/* A CONV_2D with windows as the trained op; there is no backward. */
void mcuedit_train_gathered_forward(const void *op, const int8_t *x, int8_t *y);

typedef struct {
    const mcuedit_base *base;
    const mcuedit_train_layer *layers; /* the trained op, then those behind it up to the logits */
    uint16_t op;                       /* of the base: tap and target */
    uint16_t layer_count;
    uint16_t width;  /* the largest n_out of all layers; of several positions also rank * (n_in + n_out) */
    uint16_t values; /* sum of their n_out */
    uint16_t steps;  /* at most */
    uint16_t rate_a; /* 128ths of an int8 step, falling to 0 */
    uint16_t rate_b;
    int32_t multiplier; /* M and S of the delta */
    int8_t shift;
    uint8_t rank;
    uint8_t gated;
    uint8_t place;            /* 256ths: where gates stand */
    uint8_t stochastic;       /* int16 masters: changes are rounded by random bits */
    uint8_t correction_count; /* capacity */
    uint8_t replay_count;
    uint8_t replay_least; /* at least 1 */
    uint8_t replay_changed;
} mcuedit_train_factors;

/* As mcuedit_train_state: the rest of the workspace follows it. Fields are private. */
typedef struct {
    uint32_t size;
    uint32_t random;
    uint32_t seen;
    uint16_t step;
    uint16_t steps_without_loss; /* one after the other */
    uint16_t index;
    uint8_t corrections;
    uint8_t replay;
    uint8_t phase;
    uint8_t saturated;
    uint16_t wanted; /* of the sample at hand */
} mcuedit_train_factors_state;

/* Bytes of workspace for an op with so many positions; `width` and `values` as in the configuration. */
#define MCUEDIT_TRAIN_FACTORS_SIZE(positions, n_in, n_out, rank, width, values, corrections, replay)    \
    (sizeof(mcuedit_train_factors_state) + 20u * (rank) + 8u * (width) +                                \
     sizeof(mcuedit_train_master) * (rank) * (((n_in) + 1u) & ~1u) +                                    \
     ((sizeof(mcuedit_train_master) * (n_out) * (rank) + 2u * ((corrections) + (replay)) + 3u) & ~3u) + \
     (((values) + (positions) * (rank) + ((corrections) + (replay)) * (positions) * (n_in) + 3u) & ~3u))

#define MCUEDIT_TRAIN_FACTORS_ADAPTER(n_in, n_out, rank, label) \
    (20u + 20u + (rank) * (9u + (n_in) + (n_out)) + 3u + 6u + (label))

/* Makes a sample of an op with windows: what lies under each of them, positions * n_in bytes. `x` is the op's input. */
void mcuedit_train_factors_gather(const mcuedit_train_factors *factors, const int8_t *x, int8_t *sample);

/* As their namesakes in train.h. `x` is the input of the op, or the sample made of it; `answer` is what is right. */
#define mcuedit_train_factors_init MCUEDIT_NAMED_BY_TRAINING(mcuedit_train_factors_init)
int mcuedit_train_factors_init(const mcuedit_train_factors *factors, mcuedit_train_factors_state *state, uint32_t size,
                               uint32_t seed);
int mcuedit_train_factors_add_correction(const mcuedit_train_factors *factors, mcuedit_train_factors_state *state,
                                         const int8_t *x, uint16_t wanted);
int mcuedit_train_factors_add_replay(const mcuedit_train_factors *factors, mcuedit_train_factors_state *state,
                                     const int8_t *x, uint16_t answer);
int mcuedit_train_factors_step(const mcuedit_train_factors *factors, mcuedit_train_factors_state *state,
                               uint32_t budget);

/* The factors are rounded to what the adapter holds, and stay so. */
int mcuedit_train_factors_result(const mcuedit_train_factors *factors, mcuedit_train_factors_state *state,
                                 uint8_t *adapter, uint32_t capacity);

#ifdef __cplusplus
}
#endif

#endif
