/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the apps share: one base, the adapters compiled in beside it, one inference at a time.
 *
 * Generated for each build: model.h (the base under fixed names) and adapters.h (which adapters there are).
 */
#ifndef MCUEDIT_APP_H
#define MCUEDIT_APP_H

#include "adapters.h"
#include "mcuedit/mcuedit.h"
#include "model.h"

#define APP_MASK_SIZE (APP_ADAPTERS / 8 + 1)

extern int8_t app_input[MODEL_INPUT_SIZE];
extern int8_t app_output[MODEL_OUTPUT_SIZE];

/*
 * Checks the base and opens the adapters; all that are accepted are active. Returns the first error, MCUEDIT_OK if
 * there is none. A refused adapter is never used, a refused base never run.
 */
int app_start(void);

/* Activates adapter i if bit i % 8 of mask[i / 8] is set, and deactivates all others. On an error nothing changes. */
int app_use(const uint8_t *mask);

/* One inference, app_input to app_output. */
int app_infer(void);

/* The answer of the last inference, and its name: not terminated, `*length` bytes, none if it has no name. */
uint16_t app_answer(void);
const char *app_label(uint16_t answer, uint8_t *length);

/* The arena that the last inference left. */
const int8_t *app_arena(void);

#endif
