/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUEDIT_ENGINE_ROWS_H
#define MCUEDIT_ENGINE_ROWS_H

#include "mcuedit/kernels.h"

/* x: n_in elements; y: n_out. */
void mcuedit_matmul_s8(const mcuedit_matmul *op, const int8_t *x, int8_t *y);

#endif
