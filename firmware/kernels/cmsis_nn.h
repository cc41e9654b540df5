/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUEDIT_CMSIS_NN_H
#define MCUEDIT_CMSIS_NN_H

/* Each does the op by CMSIS-NN and returns true, or does nothing: our own kernel is to do it then. */

#include <stdbool.h>

#include "mcuedit/kernels.h"

bool mcuedit_cmsis_fully_connected(const mcuedit_fully_connected *op, const int8_t *input, int8_t *output);
bool mcuedit_cmsis_conv_2d(const mcuedit_conv_2d *op, const int8_t *input, int8_t *output);
bool mcuedit_cmsis_depthwise_conv_2d(const mcuedit_depthwise_conv_2d *op, const int8_t *input, int8_t *output);
bool mcuedit_cmsis_add(const mcuedit_add *op, const int8_t *a, const int8_t *b, int8_t *output);
bool mcuedit_cmsis_mul(const mcuedit_mul *op, const int8_t *a, const int8_t *b, int8_t *output);
bool mcuedit_cmsis_average_pool(const mcuedit_pool *op, const int8_t *input, int8_t *output);
bool mcuedit_cmsis_max_pool(const mcuedit_pool *op, const int8_t *input, int8_t *output);
bool mcuedit_cmsis_softmax(const mcuedit_softmax *op, const int8_t *input, int8_t *output);

#endif
