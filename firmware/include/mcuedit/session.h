/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device that learns and keeps what it learned: training of a gate (mcuedit/train.h) whose result goes into the store
 * (mcuedit/store.h) as a trial, and checkpoints that bring training over a reset. Functions give a negative
 * mcuedit_error; whatever is refused leaves in force what was.
 *
 *     start; then, after inferences, judge, or correct and right; train until it is no longer MCUEDIT_TRAIN_MORE;
 *     adopt; keep or drop.
 *
 * All of it is called where no inference is running, as the receiver's functions of the store.
 */
#ifndef MCUEDIT_SESSION_H
#define MCUEDIT_SESSION_H

#include "mcuedit/checkpoint.h"
#include "mcuedit/train.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What is to be learned with. All of it must outlive the session. */
typedef struct {
    const mcuedit_train_gate *gate;
    mcuedit_store *store;                 /* opened, and with allow_local */
    const mcuedit_checkpoint *checkpoint; /* NULL: a reset forgets what was not adopted */
    mcuedit_train_state *workspace;       /* its beginning */
    uint32_t workspace_size;
    void *adapter; /* gets the result; at a word */
    uint32_t adapter_size;
    uint32_t seed;
    uint16_t every; /* steps between two checkpoints; 0: one at the begin and one at the end */
    uint8_t boots;  /* that a trial has */
    uint8_t enough; /* right answers, and no wrong one, that confirm a trial; 0: mcuedit_session_keep does */
    void *context;
    /*
     * The application's rule, or NULL: what class should this inference have given? `answer` itself: it was right;
     * another one: it was wrong; negative: no telling. Sensors that agree later, a plausibility check, a button.
     */
    int32_t (*rule)(void *context, uint16_t answer);
} mcuedit_session_config;

/* Fields are private. */
typedef struct {
    const mcuedit_session_config *config;
    uint32_t key;
    uint16_t saved; /* step of the last checkpoint */
} mcuedit_session;

/*
 * At boot, once the store is open. MCUEDIT_SESSION_RESUMED if training goes on where a checkpoint left it; what was
 * adopted before the reset is forgotten here if it was not in time. E_CAPACITY: the workspace is too small.
 */
#define MCUEDIT_SESSION_RESUMED 1
int mcuedit_session_start(mcuedit_session *session, const mcuedit_session_config *config);

/*
 * The last inference's answer was wrong (`wanted` is right), or it was right. `x` is the tap's input, `logits` what
 * the target made of it, both as the inference left them, `arm` which arm of the store answered. Errors as
 * mcuedit_train_add_correction and mcuedit_train_add_replay.
 */
int mcuedit_session_correct(mcuedit_session *session, const int8_t *x, const int8_t *logits, uint16_t wanted,
                            uint8_t arm);
int mcuedit_session_right(mcuedit_session *session, const int8_t *x, uint8_t arm);

/* Asks the rule, and does either or nothing. */
int mcuedit_session_judge(mcuedit_session *session, const int8_t *x, const int8_t *logits, uint16_t answer,
                          uint8_t arm);

/*
 * Trains for about `budget` multiply-accumulates. MCUEDIT_TRAIN_MORE, or MCUEDIT_OK at the end. MCUEDIT_E_FLASH: a
 * checkpoint could not be written; the next call goes on.
 */
int mcuedit_session_train(mcuedit_session *session, uint32_t budget);

/*
 * Checks what was trained, stages it, activates it beside all that is active, as a trial, and forgets the inputs, in
 * RAM and flash. Returns the adapter's size. Errors of mcuedit_train_result and of the store: the old set stays, and
 * so do the inputs. MCUEDIT_E_FLASH with the trial begun: a checkpoint could not be erased; the next start tries again.
 */
int mcuedit_session_adopt(mcuedit_session *session, const char *label, uint8_t label_length);

/* Confirms the trial. */
int mcuedit_session_keep(mcuedit_session *session);

/* Forgets all inputs and what was trained of them, in RAM and flash. What is in force stays, a trial as well. */
int mcuedit_session_forget(mcuedit_session *session);

/* The same, and ends a trial if there is one. What is confirmed stays. */
int mcuedit_session_drop(mcuedit_session *session);

#ifdef __cplusplus
}
#endif

#endif
