/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Training on the device, in integers, beside a frozen base (SPEC.md, section 13). One workspace of the caller's holds
 * all that changes: it has no pointers, so that its bytes can be written away at any time and put back after a reset.
 * Functions give a negative mcuedit_error, and leave the workspace as it was.
 *
 *     init, then add_correction and add_replay as answers are corrected and confirmed, step until it is no longer
 *     MCUEDIT_TRAIN_MORE, result.
 */
#ifndef MCUEDIT_TRAIN_H
#define MCUEDIT_TRAIN_H

#include "mcuedit/mcuedit.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MCUEDIT_TRAIN_MORE        1   /* of a step: call again */
#define MCUEDIT_TRAIN_WIDTH       512 /* widest tap of a gate */
#define MCUEDIT_TRAIN_CORRECTIONS 8   /* most wordings of one edit */
#define MCUEDIT_TRAIN_CLUSTERS    8
#define MCUEDIT_TRAIN_OLD         6   /* classes that the corrections had, at most */
#define MCUEDIT_TRAIN_SAMPLES     500 /* of all kinds together */

/* What generated code carries to train a gate at one tap; samples are inputs of the tap, in its own quantization. */
typedef struct {
    const int8_t *centre;     /* [n_in] */
    const int8_t *directions; /* [direction_count][n_in] */
    const int16_t *damping;   /* [direction_count] */
    const int8_t *samples;    /* [sample_count][n_in]: centres of clusters first */
    uint16_t direction_count;
    uint16_t sample_count;
    uint16_t cluster_count;
    uint16_t steps;
    int32_t rate_multiplier;
    int8_t rate_shift;
    uint8_t shift; /* 64ths */
    uint8_t place; /* 256ths */
} mcuedit_train_statistics;

/* How one gate is trained. */
typedef struct {
    const mcuedit_base *base;
    const mcuedit_train_statistics *statistics;
    uint16_t tap;
    uint16_t target;          /* makes the logits */
    uint8_t correction_count; /* capacity, in wordings */
    uint8_t replay_count;     /* and so many confirmed inputs */
    uint8_t replay_least;     /* below, training does not start */
    uint8_t replay_changed;   /* confirmed inputs whose answer may change */
} mcuedit_train_gate;

/*
 * State of a gate's training. Functions take a pointer to it, and what follows it in the workspace is theirs, too:
 * generated code has a union of both, whose `state` is meant. Fields are private.
 */
typedef struct {
    uint32_t size; /* of the workspace in use */
    uint32_t random;
    uint32_t seen; /* confirmed inputs offered so far */
    int32_t centre;
    int32_t margin;
    int32_t b;
    int32_t vb;
    int32_t pull;
    uint16_t n_in;
    uint16_t index;
    uint16_t step;
    uint16_t wanted;
    uint16_t old[MCUEDIT_TRAIN_OLD];
    uint8_t old_count;
    uint8_t corrections;
    uint8_t replay;
    uint8_t phase;
    uint8_t near;
    uint8_t shift;
    uint8_t fold;
    uint8_t saturated;
} mcuedit_train_state;

/* Bytes of workspace for a tap of `n_in` elements; `samples` is the sample_count of the statistics. */
#define MCUEDIT_TRAIN_GATE_SIZE(n_in, corrections, replay, samples)    \
    (sizeof(mcuedit_train_state) + 10u * (((n_in) + 1u) & ~1u) +       \
     ((2u * (1u + (corrections) + (samples) + (replay)) + 3u) & ~3u) + \
     ((((corrections) + (replay)) * (n_in) + 3u) & ~3u))

/* The adapter that comes of it, with a label of at most `label` bytes. */
#define MCUEDIT_TRAIN_ADAPTER_SIZE(n_in, label) \
    (20u + 20u + 8u + (n_in) + 1u + 3u * (1u + MCUEDIT_TRAIN_OLD) + 1u + 6u + 3u + (label))

/* E_CAPACITY: `size`, of the whole workspace, is too small. E_ALIGN: not at a word. E_GEOMETRY, E_BOUND: the
 * configuration does not fit. */
int mcuedit_train_init(const mcuedit_train_gate *gate, mcuedit_train_state *state, uint32_t size, uint32_t seed);

/*
 * One wording of the edit: `x` is the tap's input, `logits` what the target made of it, `wanted` the class it is to
 * get. E_CLASS; E_FULL: no capacity; E_CONTRADICTION: another class was wanted before, or a confirmed input is the
 * same; E_STATE: training has begun.
 */
int mcuedit_train_add_correction(const mcuedit_train_gate *gate, mcuedit_train_state *state, const int8_t *x,
                                 const int8_t *logits, uint16_t wanted);

/* An input whose answer is right: a reservoir keeps a fair sample. E_CONTRADICTION: it is being corrected. */
int mcuedit_train_add_replay(const mcuedit_train_gate *gate, mcuedit_train_state *state, const int8_t *x);

/* Trains for about `budget` multiply-accumulates. MCUEDIT_TRAIN_MORE, or MCUEDIT_OK at the end. */
int mcuedit_train_step(const mcuedit_train_gate *gate, mcuedit_train_state *state, uint32_t budget);

/*
 * Writes the adapter (SPEC.md, section 3) if it passes: all corrections right and at most `replay_changed` confirmed
 * inputs changed, else E_UNLEARNED or E_REPLAY. `label` names a spare class (NULL: none). Returns its size. `adapter`
 * is at a word.
 */
int mcuedit_train_result(const mcuedit_train_gate *gate, mcuedit_train_state *state, const char *label,
                         uint8_t label_length, uint8_t *adapter, uint32_t capacity);

/* Forgets all inputs and factors: nothing of them is left in a workspace of `size` bytes. */
void mcuedit_train_forget(void *memory, uint32_t size);

#ifdef __cplusplus
}
#endif

#endif
