/* SPDX-License-Identifier: Apache-2.0 */
/* A base in TensorFlow Lite Micro, behind the names of a generated model.h. One interpreter. */
#ifndef MCUEDIT_APP_TFLM_H
#define MCUEDIT_APP_TFLM_H

#include "mcuedit/mcuedit.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where input and output lie in the arena, from tflm_start on. */
extern int8_t *tflm_input;
extern int8_t *tflm_output;

/* Makes the interpreter in `arena`, MODEL_ARENA_SIZE bytes. An error of mcuedit_error: the base must not be run. */
int tflm_start(mcuedit_context *context, int8_t *arena);

/* One inference. */
int tflm_infer(void);

/* The logits of the last one, where they are no output. */
extern int8_t tflm_logits[];

/* Forgets what the base kept, as at start. */
void tflm_reset(void);

/* Bytes of the arena that are taken. */
uint32_t tflm_arena_used(void);

#ifdef __cplusplus
}
#endif

#endif
