/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUEDIT_ENGINE_ROWS_H
#define MCUEDIT_ENGINE_ROWS_H

#include "mcuedit/engine.h"

/* Outputs `from` to `to` - 1 of a matrix of weights and one vector x of n_in elements; y[i] is output i. */
void mcuedit_rows_s8(const mcuedit_rows *op, uint32_t from, uint32_t to, const int8_t *x, int8_t *y);

#endif
