/* SPDX-License-Identifier: Apache-2.0 */
#include "../core/dot.h"
#include "../core/fixedpoint.h"
#include "mcuedit/kernels.h"

#define LAST 255 /* index of the curve from which on it is flat */

static int32_t clamp16(int32_t x)
{
    return mcuedit_clamp(x, INT16_MIN, INT16_MAX);
}

/* The curve at |x| / 2^bits, as so many fraction bits more; `most` where it is flat. */
static int32_t at(const uint16_t *curve, uint32_t size, uint32_t bits, int32_t most)
{
    uint32_t i = size >> bits;
    if (i >= LAST) {
        return most;
    }
    return (int32_t)(((uint32_t)curve[i] << bits) + (size & ((1u << bits) - 1u)) * (uint32_t)(curve[i + 1] - curve[i]));
}

static uint32_t magnitude(int32_t x)
{
    return (uint32_t)(x < 0 ? -x : x);
}

/* Q3.12 to Q0.15. */
static int32_t sigmoid(const uint16_t *curve, int32_t x)
{
    int32_t value = at(curve, magnitude(3 * x), 9, 0x7FFF << 10);
    return (x >= 0 ? value + (1 << 9) : (1 << 25) - value + (1 << 9) - 1) >> 10;
}

/* Steps of 2^(shift - 12) to Q0.15. */
static int32_t hyperbolic(const uint16_t *curve, int32_t x, int32_t shift)
{
    x *= 3;
    x = shift >= 0 ? x * (1 << shift) : (x + (1 << (-shift - 1))) >> -shift;
    int32_t value = at(curve, magnitude(x), 8, 0xFFFF << 8);
    return (x >= 0 ? value - (1 << 23) + (1 << 7) : -value + (1 << 23) + (1 << 7) - 1) >> 8;
}

static int32_t product(const mcuedit_lstm_product *of, const int8_t *x, uint32_t n, uint32_t i)
{
    int32_t sum = mcuedit_dot_s8(of->weights + i * n, x, n, of->bias[i]);
    return clamp16(mcuedit_mbqm_any(sum, of->multiplier, of->shift));
}

static int32_t gate(const mcuedit_lstm *op, const mcuedit_lstm_gate *of, const int8_t *x, const int8_t *hidden,
                    uint32_t i)
{
    return clamp16(product(&of->input, x, op->n_in, i) + product(&of->hidden, hidden, op->n_state, i));
}

static int32_t scaled(const mcuedit_lstm_scale *by, int32_t x)
{
    return mcuedit_mbqm_any(x, by->multiplier, by->shift);
}

/* One input of one batch; the new hidden state goes to `output` first: the old one is read for every cell. */
static void step(const mcuedit_lstm *op, const int8_t *x, const int8_t *hidden, int16_t *cell, int8_t *output)
{
    const uint16_t *curve = op->curve;
    for (uint32_t i = 0; i < op->n_state; i++) {
        int32_t forget = sigmoid(curve, gate(op, &op->forget, x, hidden, i));
        int32_t input = sigmoid(curve, gate(op, &op->input, x, hidden, i));
        int32_t candidate = hyperbolic(curve, gate(op, &op->cell, x, hidden, i), 0);
        int32_t show = sigmoid(curve, gate(op, &op->output, x, hidden, i));
        int32_t kept = clamp16(scaled(&op->keep, forget * cell[i]));
        int32_t now = clamp16(kept + clamp16(scaled(&op->take, input * candidate)));
        if (op->clip != 0) {
            now = mcuedit_clamp(now, -op->clip, op->clip);
        }
        cell[i] = (int16_t)now;
        int32_t shown = scaled(&op->show, hyperbolic(curve, now, op->cell_shift) * show);
        output[i] = (int8_t)mcuedit_clamp(shown + op->zero_point, -128, 127);
    }
}

void mcuedit_lstm_s8(const mcuedit_lstm *op, const int8_t *input, int8_t *output, int8_t *hidden, void *cells)
{
    int16_t *cell = cells;
    for (uint32_t batch = 0; batch < op->batches; batch++, hidden += op->n_state, cell += op->n_state) {
        uint32_t row = batch * op->batch_rows;
        for (uint32_t n = op->steps; n != 0; n--, row += op->step_rows) {
            int8_t *y = output + row * op->n_state;
            step(op, input + row * op->n_in, hidden, cell, y);
            MCUEDIT_COPY(hidden, y, op->n_state);
        }
    }
}
