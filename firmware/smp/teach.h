/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUEDIT_SMP_TEACH_H
#define MCUEDIT_SMP_TEACH_H

#include "message.h"

#if MCUEDIT_TEACHING

/* Group 64, of a device that learns: what it was told, training, the trial of what came of it, and forgetting. */
mcuedit_smp_handler mcuedit_smp_training_state;
mcuedit_smp_handler mcuedit_smp_train;
mcuedit_smp_handler mcuedit_smp_adopt;
mcuedit_smp_handler mcuedit_smp_forget;

#endif

#endif
