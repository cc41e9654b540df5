/* SPDX-License-Identifier: Apache-2.0 */
#include "cmsis_nn.h"
#include "mcuedit/kernels.h"
#include "matmul.h"

void mcuedit_fully_connected_s8(const mcuedit_fully_connected *op, const int8_t *input, int8_t *output)
{
#if MCUEDIT_CMSIS_NN
    if (mcuedit_cmsis_fully_connected(op, input, output)) {
        return;
    }
#endif
    for (uint32_t position = op->positions; position != 0; position--) {
        mcuedit_matmul_s8(&op->matrix, input, output);
        input += op->matrix.n_in;
        output += op->matrix.n_out;
    }
}
