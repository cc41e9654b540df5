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

/* Input and output lie in the arena: an inference overwrites its input. */
extern int8_t app_arena[MODEL_ARENA_SIZE];
extern mcuedit_context app_context; /* what it runs with */
#define APP_INPUT  MODEL_INPUT(app_arena)
#define APP_OUTPUT MODEL_OUTPUT(app_arena)

/*
 * Checks the base and opens the adapters; all that are accepted are active. Returns the first error, MCUEDIT_OK if
 * there is none. A refused adapter is never used, a refused base never run.
 */
int app_start(void);

/* Activates adapter i if bit i % 8 of mask[i / 8] is set, and deactivates all others. On an error nothing changes. */
int app_use(const uint8_t *mask);

/* One inference, APP_INPUT to APP_OUTPUT. */
int app_infer(void);

/* In answer.c: the answer of the last inference, and its name: not terminated, `*length` bytes, none if it has no name.
 */
uint16_t app_answer(void);
const char *app_label(uint16_t answer, uint8_t *length);

#endif
