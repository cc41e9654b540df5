/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arithmetic of SPEC.md, section 2, over all active deltas: h at the tap, d at the target.
 *
 * The h of a delta stands in context->h where the ranks of all deltas before it end. Adapters were checked when they
 * were opened; nothing is checked here.
 */
#include <stdbool.h>
#include <stddef.h>

#include "delta.h"
#include "dot.h"
#include "fixedpoint.h"
#include "mcuedit/mcuedit.h"
#include "window.h"

uint32_t mcuedit_delta_s(const uint8_t *delta)
{
    uint32_t a_end = DELTA_HEADER_SIZE + delta[DELTA_RANK] * (8u + mcuedit_delta_pitch(delta));
    return delta[DELTA_FLAGS] & DELTA_DENSE ? a_end : ((a_end + 1u) & ~1u) + mcuedit_delta_rows_size(delta);
}

/* Whether `op` is in a set of ops; false says no for certain. */
static bool may_have(uint32_t bits, uint32_t op)
{
    return (bits >> (op & 31u) & 1u) != 0;
}

/* clamp(MBQM(sum, m, s), -limit, limit): one copy for h and d. */
static MCUEDIT_NOINLINE int32_t scaled(int32_t sum, const uint8_t *m, const uint8_t *s, int32_t limit)
{
    return mcuedit_clamp(mcuedit_mbqm(sum, mcuedit_i32(m), mcuedit_i8(s)), -limit, limit);
}

/* h of the factor whose c stands at `c` and whose sum is `sum`. */
static int8_t factor(const uint8_t *delta, const uint8_t *c, int32_t sum)
{
    const uint8_t *s = delta + mcuedit_delta_s(delta) + (uint32_t)(c - delta - DELTA_C) / 4u;
    return (int8_t)scaled(sum, c + 4u * delta[DELTA_RANK], s, 127);
}

/* What the deltas with one tap share. */
typedef struct {
    mcuedit_row row;
    int32_t open; /* not 0: some h is not */
} taps;

/* The h of a delta, which end at `end`. Made for closed gates: fields are read again, not kept over the calls. */
static MCUEDIT_NOINLINE void project_delta(const uint8_t *delta, taps *tap, int8_t *end)
{
    uint32_t rank = delta[DELTA_RANK];
    const uint8_t *c = delta + DELTA_C, *a = c + 8u * rank;
    for (int8_t *h = end - rank;;) {
        int32_t sum = mcuedit_row_dot(&tap->row, a, delta[DELTA_FLAGS] & DELTA_FORM, mcuedit_i32(c));
        int8_t found = 0;
        /* MBQM keeps the sign: a closed gate needs none. */
        if (MCUEDIT_EXPECT(sum > 0 || (delta[DELTA_FLAGS] & DELTA_GATED) == 0, 0)) {
            found = factor(delta, c, sum);
            tap->open |= found;
        }
        *h++ = found;
        if (MCUEDIT_EXPECT(h == end, 1)) {
            return;
        }
        c += 4;
        a += mcuedit_delta_pitch(delta);
    }
}

/* h of all deltas with this tap whose target is the tap itself or, where `later` is 1, a later op. 0 if all are 0. */
static int32_t project(const mcuedit_context *context, uint32_t op, uint32_t later, const int8_t *x)
{
    const mcuedit_adapter *const *adapter = context->now->adapters, *const *end = adapter + context->now->count;
    int8_t *h = context->h;
    taps tap;
    tap.open = 0;
    mcuedit_row_begin(&tap.row, x, context->base->ops[op].n_in);
    for (; adapter != end; adapter++) {
        const uint8_t *delta = (*adapter)->deltas;
        for (uint32_t left = (*adapter)->delta_count;; delta = mcuedit_delta_next(delta)) { /* 1 or more */
            h += delta[DELTA_RANK];
            if (mcuedit_u16(delta + DELTA_TAP) == op && (op - mcuedit_u16(delta + DELTA_TARGET)) >> 31 == later) {
                project_delta(delta, &tap, h);
            }
            if (--left == 0) {
                break;
            }
        }
    }
    return tap.open;
}

void mcuedit_context_project(mcuedit_context *context, uint16_t op, const int8_t *x)
{
    if (context != NULL && may_have(context->ops.tapped, op)) {
        if (project(context, op, 1, x) != 0) {
            context->reached = context->ops.targeted;
            context->due |= context->reached;
        }
    }
}

/* The row of y that row i of B is for; `rows` is NULL when B is dense. */
static uint32_t row_at(const uint8_t *rows, uint32_t i)
{
    return rows == NULL ? i : mcuedit_u16(rows + 2u * i);
}

/* Position of the first stored row >= `row`. */
static uint32_t lower_bound(const uint8_t *rows, uint32_t count, uint32_t row)
{
    uint32_t from = 0, to = count;
    while (from < to) {
        uint32_t middle = (from + to) / 2u;
        if (row_at(rows, middle) < row) {
            from = middle + 1u;
        } else {
            to = middle;
        }
    }
    return from;
}

/*
 * Adds d of a block of rows, from `first` on, to `sums`. Returns the next stored row; none: a number above all rows.
 * Without `sums`: 1 if d of row `first` is negative, else another number.
 */
static MCUEDIT_NOINLINE uint32_t collect(const uint8_t *delta, const int8_t *h, uint32_t first, int32_t *sums)
{
    uint32_t rank = delta[DELTA_RANK], n_rows = mcuedit_u16(delta + DELTA_N_ROWS);
    const uint8_t *s = delta + mcuedit_delta_s(delta);
    const uint8_t *rows = delta[DELTA_FLAGS] & DELTA_DENSE ? NULL : s - 2u * n_rows;
    uint32_t i = lower_bound(rows, n_rows, first);
    const uint8_t *b = s + (i + 1u) * rank;
    for (; i < n_rows; i++) {
        uint32_t row = row_at(rows, i);
        if (row >= first + MCUEDIT_BLOCK_ROWS) {
            return row;
        }
        int32_t sum = 0;
        for (uint32_t k = 0; k < rank; k++) {
            sum += mcuedit_i8(b++) * h[k];
        }
        int32_t d = scaled(sum, delta + DELTA_MULTIPLIER, delta + DELTA_SHIFT, 255);
        if (sums == NULL) {
            return row == first && d < 0;
        }
        sums[row - first] += d;
    }
    return UINT32_MAX;
}

static bool is_open(const int8_t *h, uint32_t rank)
{
    while (rank != 0 && *h == 0) {
        h++;
        rank--;
    }
    return rank != 0;
}

/* The second question: whether a delta lowers the largest element of y, which nothing was added to yet. */
static bool lowers(const uint8_t *delta, const int8_t *h, const int8_t *y, uint32_t n_out)
{
    return collect(delta, h, mcuedit_argmax_s8(y, n_out), NULL) == 1;
}

/*
 * One pass over the open deltas of `op`: the sums of a block of rows of y. Returns the first stored row after the
 * block. The first pass is before anything is added: it shuts conditional deltas that do not lower the largest element.
 */
static uint32_t collect_all(mcuedit_context *context, uint32_t op, uint32_t first, const int8_t *y, uint32_t n_out)
{
    uint32_t next = UINT32_MAX;
    int8_t *h = context->h;
    for (uint32_t i = 0; i < context->now->count; i++) {
        const mcuedit_adapter *adapter = context->now->adapters[i];
        const uint8_t *delta = adapter->deltas;
        for (uint32_t left = adapter->delta_count; left != 0; left--, delta = mcuedit_delta_next(delta)) {
            uint32_t rank = delta[DELTA_RANK];
            if (mcuedit_u16(delta + DELTA_TARGET) == op && is_open(h, rank)) {
                if (first == 0 && (delta[DELTA_FLAGS] & DELTA_CONDITIONAL) != 0 && !lowers(delta, h, y, n_out)) {
                    MCUEDIT_FILL(h, 0, rank);
                }
                uint32_t row = collect(delta, h, first, context->sums);
                next = row < next ? row : next;
            }
            h += rank;
        }
    }
    return next;
}

static void add_row(mcuedit_context *context, uint32_t op, int8_t *y)
{
    const mcuedit_op *target = &context->base->ops[op];
    uint32_t n_out = target->n_out, next;
    for (uint32_t first = 0; first < n_out; first = next) {
        next = collect_all(context, op, first, y, n_out);
        for (uint32_t i = 0; i < MCUEDIT_BLOCK_ROWS; i++) {
            if (context->sums[i] != 0) {
                y[first + i] = (int8_t)mcuedit_clamp(y[first + i] + context->sums[i], target->act_lo, target->act_hi);
                context->sums[i] = 0;
            }
        }
    }
}

void mcuedit_context_add(mcuedit_context *context, uint16_t op, const int8_t *x, int8_t *y)
{
    if (context == NULL || !may_have(context->due, op)) {
        return;
    }
    const mcuedit_op *target = &context->base->ops[op];
    bool own = may_have(context->ops.own, op), due = may_have(context->reached, op);
    for (uint32_t row = target->positions; row != 0; row--, x += target->n_in, y += target->n_out) {
        int32_t open = own ? project(context, op, 0, x) : 0;
        if (open != 0 || due) {
            add_row(context, op, y);
        }
    }
}

/* h of the deltas whose tap is the output of `op`, at a row of it, where nothing was added yet. */
static int32_t project_output(const mcuedit_context *context, uint32_t op, const int8_t *y)
{
    const mcuedit_adapter *const *adapter = context->now->adapters, *const *end = adapter + context->now->count;
    int8_t *h = context->h;
    taps tap;
    tap.open = 0;
    mcuedit_row_begin(&tap.row, y, context->base->ops[op].n_out);
    for (; adapter != end; adapter++) {
        const uint8_t *delta = (*adapter)->deltas;
        for (uint32_t left = (*adapter)->delta_count; left != 0; left--, delta = mcuedit_delta_next(delta)) {
            h += delta[DELTA_RANK];
            if (mcuedit_u16(delta + DELTA_TAP) == (op | DELTA_TAP_OUTPUT)) {
                project_delta(delta, &tap, h);
            }
        }
    }
    return tap.open;
}

/* A row of y, when the deltas whose tap is the input are `open`: those of the output follow, then all are added. */
static void add_served(mcuedit_context *context, uint32_t op, int32_t open, int8_t *y)
{
    if (may_have(context->ops.tapped, op)) {
        open |= project_output(context, op, y);
    }
    if (open != 0 || may_have(context->reached, op)) {
        add_row(context, op, y);
    }
}

void mcuedit_context_take(mcuedit_context *context, uint16_t op, const int8_t *x)
{
    if (context != NULL && may_have(context->ops.own, op)) {
        (void)project(context, op, 0, x);
    }
}

void mcuedit_context_give(mcuedit_context *context, uint16_t op, int8_t *y)
{
    if (context != NULL && may_have(context->ops.own | context->ops.targeted, op)) {
        add_served(context, op, may_have(context->ops.own, op), y); /* closed ones add nothing */
    }
}

void mcuedit_context_add_served(mcuedit_context *context, uint16_t op, const int8_t *x, int8_t *y)
{
    if (context == NULL || !may_have(context->ops.own | context->ops.targeted, op)) {
        return;
    }
    const mcuedit_op *target = &context->base->ops[op];
    bool own = may_have(context->ops.own, op);
    for (uint32_t row = target->positions; row != 0; row--, x += target->n_in, y += target->n_out) {
        add_served(context, op, own ? project(context, op, 0, x) : 0, y);
    }
}

/* Some delta has this op as its tap and target: the bit of an op may have been set by another one. */
static bool has_own(const mcuedit_context *context, uint32_t op)
{
    const mcuedit_set *set = context->now;
    for (uint32_t i = 0; i < set->count; i++) {
        const uint8_t *delta = set->adapters[i]->deltas;
        for (uint32_t left = set->adapters[i]->delta_count; left != 0; left--, delta = mcuedit_delta_next(delta)) {
            if (mcuedit_u16(delta + DELTA_TARGET) == op) {
                return true;
            }
        }
    }
    return false;
}

void mcuedit_context_add_windows(mcuedit_context *context, uint16_t op, const int8_t *x, int8_t *y, int8_t *patch)
{
    if (context == NULL || !may_have(context->ops.own, op) || !has_own(context, op)) {
        return;
    }
    const mcuedit_op *target = &context->base->ops[op];
    const mcuedit_window *window = target->window;
    for (uint32_t batch = window->batches; batch != 0; batch--) {
        for (uint32_t out_y = 0; out_y < window->out_h; out_y++) {
            for (uint32_t out_x = 0; out_x < window->out_w; out_x++, y += target->n_out) {
                int8_t zx = target->input_zero_point;
                if (project(context, op, 0, mcuedit_window_patch(window, x, out_y, out_x, zx, patch)) != 0) {
                    add_row(context, op, y);
                }
            }
        }
        x += (uint32_t)window->in_h * window->in_w * window->in_c;
    }
}
