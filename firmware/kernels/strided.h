/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUEDIT_ENGINE_LOOPS_H
#define MCUEDIT_ENGINE_LOOPS_H

#include <stdbool.h>

#include "mcuedit/kernels.h"

/* Where nested loops stand: the turn of each, and the elements that this is from the start of either array. */
typedef struct {
    int32_t turns[MCUEDIT_LOOPS];
    int32_t a, b;
} mcuedit_at;

/* Goes on to the next turn; after the last one false, and back at the start. */
bool mcuedit_loops_next(const int32_t *loops, uint32_t depth, mcuedit_at *at);

#endif
