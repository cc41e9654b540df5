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
#ifndef MCUEDIT_LEARNER_H
#define MCUEDIT_LEARNER_H

#include "mcuedit/checkpoint.h"
#include "mcuedit/train.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What is to be learned with. All of it must outlive the learner. */
typedef struct {
    const mcuedit_train_gate *gate;
    mcuedit_store *store;                 /* opened, and with allow_local */
    const mcuedit_checkpoint *checkpoint; /* NULL: a reset forgets what was not adopted */
    void *workspace;                      /* at a word */
    uint32_t workspace_size;
    void *adapter; /* room for the result, at a word */
    uint32_t adapter_size;
    uint32_t seed;
    uint16_t every; /* steps between two checkpoints; 0: one at the begin and one at the end */
    uint8_t boots;  /* that a trial has */
    uint8_t enough; /* right answers, and no wrong one, that confirm a trial; 0: mcuedit_learner_keep does */
    void *context;
    /*
     * The application's rule, or NULL: what class should this inference have given? `answer` itself: it was right;
     * another one: it was wrong; negative: no telling. Sensors that agree later, a plausibility check, a button.
     */
    int32_t (*rule)(void *context, uint16_t answer);
} mcuedit_learner_config;

/* Fields are private. */
typedef struct {
    const mcuedit_learner_config *config;
    uint32_t key;
    uint16_t saved; /* step of the last checkpoint */
} mcuedit_learner;

/*
 * At boot, once the store is open. MCUEDIT_LEARNER_RESUMED if training goes on where a checkpoint left it; what was
 * adopted before the reset is forgotten here if it was not in time. E_ROOM: the workspace is too small.
 */
#define MCUEDIT_LEARNER_RESUMED 1
int mcuedit_learner_start(mcuedit_learner *learner, const mcuedit_learner_config *config);

/*
 * The last inference's answer was wrong (`wanted` is right), or it was right. `x` is the tap's input, `logits` what
 * the target made of it, both as the inference left them, `arm` which arm of the store answered. Errors as
 * mcuedit_train_add_correction and mcuedit_train_add_replay.
 */
int mcuedit_learner_correct(mcuedit_learner *learner, const int8_t *x, const int8_t *logits, uint16_t wanted,
                            uint8_t arm);
int mcuedit_learner_right(mcuedit_learner *learner, const int8_t *x, uint8_t arm);

/* Asks the rule, and does either or nothing. */
int mcuedit_learner_judge(mcuedit_learner *learner, const int8_t *x, const int8_t *logits, uint16_t answer,
                          uint8_t arm);

/*
 * Trains for about `budget` multiply-accumulates. MCUEDIT_TRAIN_MORE, or MCUEDIT_OK at the end. MCUEDIT_E_FLASH: a
 * checkpoint could not be written; the next call goes on.
 */
int mcuedit_learner_train(mcuedit_learner *learner, uint32_t budget);

/*
 * Checks what was trained, stages it, activates it beside all that is active, as a trial, and forgets the inputs, in
 * RAM and flash. Returns the adapter's size. Errors of mcuedit_train_result and of the store: the old set stays, and
 * so do the inputs. MCUEDIT_E_FLASH with the trial begun: a checkpoint could not be erased; the next start tries again.
 */
int mcuedit_learner_adopt(mcuedit_learner *learner, const char *label, uint8_t label_length);

/* Confirms the trial. */
int mcuedit_learner_keep(mcuedit_learner *learner);

/* Ends a trial if there is one, and forgets all inputs. What is confirmed stays. */
int mcuedit_learner_drop(mcuedit_learner *learner);

#ifdef __cplusplus
}
#endif

#endif
