/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ops behind a trained one, with their gradients (SPEC.md, section 13). Only the direction of a gradient matters. The
 * numpy twin is mcuedit/ondevice/backward.py.
 */
#include "backward.h"
#include "train_math.h"

enum { LEAK = 3 };

int32_t mcuedit_train_unclamped(int32_t g, int32_t y, int32_t lo, int32_t hi)
{
    if (y <= lo) {
        return g > 0 ? 0 : g >> LEAK;
    }
    if (y >= hi) {
        return g < 0 ? 0 : g >> LEAK;
    }
    return g;
}

void mcuedit_train_matmul_forward(const void *op, const int8_t *x, int8_t *y)
{
    mcuedit_fully_connected_s8(op, x, y);
}

void mcuedit_train_matmul_backward(const void *op, const int8_t *x, const int8_t *y, int32_t *g, int32_t *acc)
{
    const mcuedit_matmul *matrix = &((const mcuedit_fully_connected *)op)->matrix;
    const mcuedit_requant *to = &matrix->requant;
    int32_t top = mcuedit_train_top(to, matrix->n_out);
    (void)x;
    for (uint32_t i = 0, left = ((const mcuedit_fully_connected *)op)->positions; left != 0;) {
        int32_t c = mcuedit_train_at_sum(to, top, i, g[i], y[i]);
        if (c != 0) {
            mcuedit_train_add(acc, matrix->weights + i * matrix->n_in, c, matrix->n_in);
        }
        if (++i == matrix->n_out) {
            i = 0;
            left--;
            acc += matrix->n_in;
            g += matrix->n_out;
            y += matrix->n_out;
        }
    }
}

void mcuedit_train_lookup_forward(const void *op, const int8_t *x, int8_t *y)
{
    mcuedit_lookup_s8(op, x, y);
}

void mcuedit_train_lookup_backward(const void *op, const int8_t *x, const int8_t *y, int32_t *g, int32_t *acc)
{
    const mcuedit_lookup *lookup = op;
    (void)y;
    for (uint32_t i = 0; i < lookup->size; i++) {
        int32_t at = x[i] + 128;
        acc[i] += g[i] * (lookup->table[at < 255 ? at + 1 : 255] - lookup->table[at > 0 ? at - 1 : 0]);
    }
}
