/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What makes an updatable device one that learns: the app `learner` is the app `device` with these commands, and with
 * slots of its flash set aside for checkpoints (SPEC.md, section 13).
 *
 *     fix CLASS INPUT   what was asked is to be answered with CLASS       -> ok
 *     yes INPUT         what was asked was answered right                 -> ok
 *     train MACS        trains for about so long; 0: to the end           -> more STEP | done STEP
 *     adopt [NAME]      checks what was trained, begins its trial, forgets the inputs -> adapter HEX
 *     keep              confirms the trial                                -> ok
 *     drop              a trial ends, and all inputs are forgotten        -> ok
 */
#ifndef MCUEDIT_LESSON_H
#define MCUEDIT_LESSON_H

#include "mcuedit/smp.h"
#include "mcuedit/store.h"

/* Right answers that confirm a trial; 0: only `keep` does. */
#ifndef LESSON_ENOUGH
#define LESSON_ENOUGH 8
#endif

/* Steps of training between two checkpoints. */
#ifndef LESSON_EVERY
#define LESSON_EVERY 16
#endif

/* The flash without what checkpoints take of its end. */
mcuedit_flash lesson_flash(const mcuedit_flash *flash);

/* Once the node has started. */
int lesson_start(void);

/* Of SMP's command 7: an input, and its class, or negative: it was answered right. */
int lesson_tell(const mcuedit_smp_inference *given, int32_t wanted);

int lesson_fix(void);
int lesson_yes(void);
int lesson_train(void);
int lesson_adopt(void);
int lesson_keep(void);
int lesson_drop(void);

#define LESSON_COMMANDS                                                                                                \
    {"fix", lesson_fix}, {"yes", lesson_yes}, {"train", lesson_train}, {"adopt", lesson_adopt}, {"keep", lesson_keep}, \
        {"drop", lesson_drop},

#endif
