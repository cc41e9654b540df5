/* SPDX-License-Identifier: Apache-2.0 */
#include "lstm.h"
#include "matmul_s16.h"

static int32_t gate(const mcuedit_lstm_16x8 *op, const mcuedit_lstm_gate_16x8 *of, const int16_t *x,
                    const int16_t *hidden, uint32_t i)
{
    uint32_t n_in = op->cells.n_in, n_state = op->cells.n_state;
    int64_t from_input = mcuedit_dot_16x8(of->input_weights + i * n_in, x, n_in, of->bias[i]);
    int64_t from_hidden = mcuedit_dot_16x8(of->hidden_weights + i * n_state, hidden, n_state, 0);
    int32_t sum = mcuedit_lstm_clamp(mcuedit_mbqm64(from_input, of->input_multiplier, of->input_shift));
    return mcuedit_lstm_clamp(sum +
                              mcuedit_lstm_clamp(mcuedit_mbqm64(from_hidden, of->hidden_multiplier, of->hidden_shift)));
}

/* As that of int8. */
static void step(const mcuedit_lstm_16x8 *op, const int16_t *x, const int16_t *hidden, int16_t *cell, int16_t *output)
{
    for (uint32_t i = 0; i < op->cells.n_state; i++) {
        mcuedit_lstm_sums gates = {
            .input = gate(op, &op->input, x, hidden, i),
            .forget = gate(op, &op->forget, x, hidden, i),
            .cell = gate(op, &op->cell, x, hidden, i),
            .output = gate(op, &op->output, x, hidden, i),
        };
        output[i] = (int16_t)mcuedit_lstm_clamp(mcuedit_lstm_cell(&op->cells, &gates, cell + i));
    }
}

void mcuedit_lstm_s16(const mcuedit_lstm_16x8 *op, const void *input, void *output, void *hidden, void *cells)
{
    const mcuedit_lstm_cells *of = &op->cells;
    const int16_t *x = input;
    int16_t *y = output, *state = hidden, *cell = cells;
    for (uint32_t batch = 0; batch < of->batches; batch++, state += of->n_state, cell += of->n_state) {
        uint32_t row = batch * of->batch_rows;
        for (uint32_t n = of->steps; n != 0; n--, row += of->step_rows) {
            step(op, x + row * of->n_in, state, cell, y + row * of->n_state);
            MCUEDIT_COPY(state, y + row * of->n_state, of->n_state * sizeof *state);
        }
    }
}
