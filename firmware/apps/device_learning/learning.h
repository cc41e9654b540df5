/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What makes an updatable device one that learns: the app `session` is the app `device` with these commands, and with
 * slots of its flash set aside for checkpoints (SPEC.md, section 13).
 *
 *     fix CLASS INPUT   what was asked is to be answered with CLASS       -> ok
 *     yes INPUT         what was asked was answered right                 -> ok
 *     train MACS        trains for about so long; 0: to the end           -> more STEP | done STEP
 *     adopt [NAME]      checks what was trained, begins its trial, forgets the inputs -> adapter HEX
 *     keep              confirms the trial                                -> ok
 *     drop              a trial ends, and all inputs are forgotten        -> ok
 */
#ifndef MCUEDIT_LEARNING_H
#define MCUEDIT_LEARNING_H

#include "apps/common/updatable.h"
#include "mcuedit/smp.h"
#include "mcuedit/store.h"

/*
 * Right answers that confirm a trial; 0: only `keep` does, or an operator. What was learned does not confirm itself on
 * a device that obeys operators, unless the build says so.
 */
#ifndef LEARNING_ENOUGH
#if MCUEDIT_AUTHORITY
#define LEARNING_ENOUGH 0
#else
#define LEARNING_ENOUGH 8
#endif
#endif

/* What no operator teaches, everybody does. */
#if !MCUEDIT_AUTHORITY && !MCUEDIT_STORE_DEVELOPMENT
#error "a device that learns obeys operators (MCUEDIT_AUTHORITY), or is for development (MCUEDIT_STORE_DEVELOPMENT)"
#endif

/* Steps of training between two checkpoints. */
#ifndef LEARNING_EVERY
#define LEARNING_EVERY 16
#endif

/* The flash without what checkpoints take of its end. */
mcuedit_flash learning_flash(const mcuedit_flash *flash);

/* Once the node has started. */
int learning_start(void);

/* What it is taught by over SMP. */
void learning_over_smp(mcuedit_smp_config *config);

int learning_fix(void);
int learning_yes(void);
int learning_train(void);
int learning_adopt(void);
int learning_keep(void);
int learning_drop(void);

/* Where the console may not change the device (device.c), it teaches it nothing. */
#if DEVICE_CONSOLE
#define LEARNING_COMMANDS                                                                               \
    {"fix", learning_fix}, {"yes", learning_yes}, {"train", learning_train}, {"adopt", learning_adopt}, \
        {"keep", learning_keep}, {"drop", learning_drop},
#else
#define LEARNING_COMMANDS
#endif

#endif
