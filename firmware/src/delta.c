/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arithmetic of SPEC.md, section 2, over all active deltas: h at the tap, d at the target.
 *
 * The h of a delta stands in stack->h where the ranks of all deltas before it end. Adapters were checked when they were
 * opened; nothing is checked here.
 */
#include <stdbool.h>
#include <stddef.h>

#include "delta.h"
#include "dot.h"
#include "fixedpoint.h"
#include "mcuedit/mcuedit.h"

/* Factor k of a delta, its row of A and its place for h. */
typedef struct {
    const uint8_t *delta;
    const uint8_t *a;
    int8_t *h;
    uint32_t k;
} factor;

/* h from the accumulator. Returns 1 if the factor is open. */
static uint32_t gate(const factor *f, int32_t sum)
{
    bool gated = (f->delta[DELTA_FLAGS] & DELTA_GATED) != 0;
    int32_t h = 0;
    if (!gated || sum > 0) { /* MBQM keeps the sign: a closed gate needs no multiplication */
        uint32_t rank = f->delta[DELTA_RANK];
        int32_t multiplier = mcuedit_i32(f->delta + DELTA_C + 4u * (rank + f->k));
        int32_t shift = mcuedit_i8(f->delta + mcuedit_delta_s(f->delta) + f->k);
        h = mcuedit_clamp(mcuedit_mbqm(sum, multiplier, shift), gated ? 0 : -127, 127);
    }
    *f->h = (int8_t)h;
    return h != 0;
}

static int32_t offset(const factor *f)
{
    return mcuedit_i32(f->delta + DELTA_C + 4u * f->k);
}

static uint32_t project_one(const factor *f, const int8_t *x, uint32_t n)
{
    bool int4 = (f->delta[DELTA_FLAGS] & DELTA_INT4) != 0;
    return gate(f,
                int4 ? mcuedit_dot_s4(f->a, x, n, offset(f)) : mcuedit_dot_s8((const int8_t *)f->a, x, n, offset(f)));
}

static uint32_t project_two(const factor f[2], const int8_t *x, uint32_t n)
{
    uint32_t int4 = f[0].delta[DELTA_FLAGS] & DELTA_INT4;
    if (int4 != (f[1].delta[DELTA_FLAGS] & DELTA_INT4)) {
        return project_one(&f[0], x, n) + project_one(&f[1], x, n);
    }
    int32_t sums[2] = {offset(&f[0]), offset(&f[1])};
    if (int4) {
        mcuedit_dot2_s4(f[0].a, f[1].a, x, n, sums);
    } else {
        mcuedit_dot2_s8((const int8_t *)f[0].a, (const int8_t *)f[1].a, x, n, sums);
    }
    return gate(&f[0], sums[0]) + gate(&f[1], sums[1]);
}

/* h of all deltas with this tap whose target is the tap itself (`own`) or a later op. Returns how many are not 0. */
static uint32_t project(const mcuedit_stack *stack, uint32_t op, bool own, const int8_t *x)
{
    uint32_t n = stack->base->ops[op].n_in, open = 0, waiting = 0;
    factor pair[2];
    int8_t *h = stack->h;
    for (uint32_t i = 0; i < stack->now->count; i++) {
        const mcuedit_adapter *adapter = stack->now->adapters[i];
        const uint8_t *delta = adapter->deltas;
        for (uint32_t left = adapter->delta_count; left != 0; left--, delta = mcuedit_delta_next(delta)) {
            uint32_t rank = delta[DELTA_RANK];
            if (mcuedit_u16(delta + DELTA_TAP) != op || (mcuedit_u16(delta + DELTA_TARGET) == op) != own) {
                h += rank;
                continue;
            }
            const uint8_t *a = delta + DELTA_C + 8u * rank;
            for (uint32_t k = 0; k < rank; k++, a += mcuedit_delta_pitch(delta)) {
                pair[waiting] = (factor){delta, a, h++, k};
                waiting ^= 1u;
                if (waiting == 0) {
                    open += project_two(pair, x, n);
                }
            }
        }
    }
    return waiting != 0 ? open + project_one(&pair[0], x, n) : open;
}

void mcuedit_stack_project(mcuedit_stack *stack, uint16_t op, const int8_t *x)
{
    if (stack != NULL && (stack->ops.tapped >> (op & 31u) & 1u) != 0) {
        stack->open = (uint16_t)(stack->open + project(stack, op, false, x));
    }
}

/* Rows whose sums over all deltas are collected at a time. */
enum { BLOCK = 8 };

/* Position of the first stored row >= `row`. */
static uint32_t lower_bound(const uint8_t *rows, uint32_t count, uint32_t row)
{
    uint32_t from = 0;
    while (from < count) {
        uint32_t middle = (from + count) / 2u;
        if (mcuedit_u16(rows + 2u * middle) < row) {
            from = middle + 1u;
        } else {
            count = middle;
        }
    }
    return from;
}

/* Adds d of the rows [first, first + BLOCK) to `sums`. Returns the next stored row; none: a number above all rows. */
static uint32_t collect(const uint8_t *delta, const int8_t *h, uint32_t first, int32_t sums[BLOCK])
{
    uint32_t rank = delta[DELTA_RANK], n_rows = mcuedit_u16(delta + DELTA_N_ROWS);
    const uint8_t *rows = delta + mcuedit_delta_rows(delta), *b = delta + mcuedit_delta_s(delta) + rank;
    bool dense = (delta[DELTA_FLAGS] & DELTA_DENSE) != 0;
    int32_t multiplier = mcuedit_i32(delta + DELTA_MULTIPLIER), shift = mcuedit_i8(delta + DELTA_SHIFT);
    for (uint32_t i = dense ? first : lower_bound(rows, n_rows, first); i < n_rows; i++) {
        uint32_t row = dense ? i : mcuedit_u16(rows + 2u * i);
        if (row >= first + BLOCK) {
            return row;
        }
        int32_t sum = 0;
        for (uint32_t k = 0; k < rank; k++) {
            sum += mcuedit_i8(b + i * rank + k) * h[k];
        }
        sums[row - first] += mcuedit_clamp(mcuedit_mbqm(sum, multiplier, shift), -255, 255);
    }
    return UINT32_MAX;
}

static bool is_open(const int8_t *h, uint32_t rank)
{
    uint32_t any = 0;
    for (uint32_t k = 0; k < rank; k++) {
        any |= (uint8_t)h[k];
    }
    return any != 0;
}

/* One pass over the open deltas of `op`: `sums` of a block of rows. Returns the first stored row after the block. */
static uint32_t collect_all(const mcuedit_stack *stack, uint32_t op, uint32_t first, int32_t sums[BLOCK])
{
    uint32_t next = UINT32_MAX;
    const int8_t *h = stack->h;
    for (uint32_t i = 0; i < stack->now->count; i++) {
        const mcuedit_adapter *adapter = stack->now->adapters[i];
        const uint8_t *delta = adapter->deltas;
        for (uint32_t left = adapter->delta_count; left != 0; left--, delta = mcuedit_delta_next(delta)) {
            uint32_t rank = delta[DELTA_RANK];
            if (mcuedit_u16(delta + DELTA_TARGET) == op && is_open(h, rank)) {
                uint32_t row = collect(delta, h, first, sums);
                next = row < next ? row : next;
            }
            h += rank;
        }
    }
    return next;
}

static void add_row(const mcuedit_stack *stack, uint32_t op, int8_t *y)
{
    const mcuedit_op *target = &stack->base->ops[op];
    uint32_t n_out = target->n_out, next;
    for (uint32_t first = 0; first < n_out; first = next) {
        int32_t sums[BLOCK] = {0};
        next = collect_all(stack, op, first, sums);
        for (uint32_t i = 0; i < BLOCK; i++) {
            if (sums[i] != 0) {
                y[first + i] = (int8_t)mcuedit_clamp(y[first + i] + sums[i], target->act_lo, target->act_hi);
            }
        }
    }
}

void mcuedit_stack_add(mcuedit_stack *stack, uint16_t op, const int8_t *x, int8_t *y)
{
    if (stack == NULL) {
        return;
    }
    bool own = (stack->ops.own >> (op & 31u) & 1u) != 0;
    uint32_t open = (stack->ops.targeted >> (op & 31u) & 1u) != 0 ? stack->open : 0;
    if (!own && open == 0) {
        return;
    }
    const mcuedit_op *target = &stack->base->ops[op];
    for (uint32_t row = 0; row < target->rows; row++, x += target->n_in, y += target->n_out) {
        if ((own ? project(stack, op, true, x) : 0) + open != 0) {
            add_row(stack, op, y);
        }
    }
}
