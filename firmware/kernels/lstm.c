/* SPDX-License-Identifier: Apache-2.0 */
#include "lstm.h"

#include "../core/dot.h"

static int32_t product(const mcuedit_lstm_product *of, const int8_t *x, uint32_t n, uint32_t i)
{
    int32_t sum = mcuedit_dot_s8(of->weights + i * n, x, n, of->bias[i]);
    return mcuedit_lstm_clamp(mcuedit_mbqm_any(sum, of->multiplier, of->shift));
}

static int32_t gate(const mcuedit_lstm *op, const mcuedit_lstm_gate *of, const int8_t *x, const int8_t *hidden,
                    uint32_t i)
{
    return mcuedit_lstm_clamp(product(&of->input, x, op->cells.n_in, i) +
                              product(&of->hidden, hidden, op->cells.n_state, i));
}

/* One input of one batch; the new hidden state goes to `output` first: the old one is read for every cell. */
static void step(const mcuedit_lstm *op, const int8_t *x, const int8_t *hidden, int16_t *cell, int8_t *output)
{
    for (uint32_t i = 0; i < op->cells.n_state; i++) {
        mcuedit_lstm_sums gates = {
            .input = gate(op, &op->input, x, hidden, i),
            .forget = gate(op, &op->forget, x, hidden, i),
            .cell = gate(op, &op->cell, x, hidden, i),
            .output = gate(op, &op->output, x, hidden, i),
        };
        int32_t shown = mcuedit_lstm_cell(&op->cells, &gates, cell + i);
        output[i] = (int8_t)mcuedit_clamp(shown + op->zero_point, -128, 127);
    }
}

void mcuedit_lstm_s8(const mcuedit_lstm *op, const int8_t *input, int8_t *output, int8_t *hidden, void *cells)
{
    const mcuedit_lstm_cells *of = &op->cells;
    int16_t *cell = cells;
    for (uint32_t batch = 0; batch < of->batches; batch++, hidden += of->n_state, cell += of->n_state) {
        uint32_t row = batch * of->batch_rows;
        for (uint32_t n = of->steps; n != 0; n--, row += of->step_rows) {
            int8_t *y = output + row * of->n_state;
            step(op, input + row * of->n_in, hidden, cell, y);
            MCUEDIT_COPY(hidden, y, of->n_state);
        }
    }
}
