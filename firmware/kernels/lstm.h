/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUEDIT_LSTM_H
#define MCUEDIT_LSTM_H

#include "../core/fixedpoint.h"
#include "curve.h"
#include "mcuedit/kernels.h"

/* The sums of a cell's gates, Q3.12. */
typedef struct {
    int32_t input;
    int32_t forget;
    int32_t cell;
    int32_t output;
} mcuedit_lstm_sums;

static inline int32_t mcuedit_lstm_clamp(int32_t x)
{
    return mcuedit_clamp(x, INT16_MIN, INT16_MAX);
}

static inline int32_t mcuedit_lstm_scaled(const mcuedit_lstm_scale *by, int32_t x)
{
    return mcuedit_mbqm_any(x, by->multiplier, by->shift);
}

/* The new hidden state of a cell that its gates change, less a zero point. */
static inline int32_t mcuedit_lstm_cell(const mcuedit_lstm_cells *op, const mcuedit_lstm_sums *gates, int16_t *cell)
{
    const uint16_t *curve = op->curve;
    int32_t forget = mcuedit_sigmoid_s16(curve, 3 * gates->forget);
    int32_t input = mcuedit_sigmoid_s16(curve, 3 * gates->input);
    int32_t candidate = mcuedit_hyperbolic_s16(curve, 3 * gates->cell);
    int32_t kept = mcuedit_lstm_clamp(mcuedit_lstm_scaled(&op->keep, forget * *cell));
    int32_t now = mcuedit_lstm_clamp(kept + mcuedit_lstm_clamp(mcuedit_lstm_scaled(&op->take, input * candidate)));
    if (op->clip != 0) {
        now = mcuedit_clamp(now, -op->clip, op->clip);
    }
    *cell = (int16_t)now;
    int32_t s = op->cell_shift;
    int32_t fine = s >= 0 ? 3 * now * (1 << s) : (3 * now + (1 << (-s - 1))) >> -s;
    int32_t show = mcuedit_sigmoid_s16(curve, 3 * gates->output);
    return mcuedit_lstm_scaled(&op->show, mcuedit_hyperbolic_s16(curve, fine) * show);
}

#endif
