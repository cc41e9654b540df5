/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUEDIT_DOT_H
#define MCUEDIT_DOT_H

/*
 * Dot products of int8 and int4 rows with an int8 row x of n elements. The caller has proven that no partial sum leaves
 * int32. An int4 row has two elements a byte, low nibble first. Integer sums have no order: every way below gives the
 * same result on every core.
 */

#include <stdint.h>

#include "mcuedit/compiler.h"
#include "mcuedit/config.h"

/* The assembly takes nearly all registers: a compiler that does not optimize has none left for it. */
#if defined(__GNUC__) && defined(__OPTIMIZE__) && defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 1)
#define MCUEDIT_DOT_MVE 1
#include <arm_mve.h>
#elif defined(__GNUC__) && defined(__OPTIMIZE__) && defined(__ARM_FEATURE_DSP) && __ARM_FEATURE_DSP && \
    defined(__ARM_FEATURE_UNALIGNED)
#define MCUEDIT_DOT_DSP 1
#endif

/* Elements of x that are unpacked at most: 0 where the core or its options know no such thing. */
#ifdef MCUEDIT_DOT_DSP
#define MCUEDIT_UNPACKED MCUEDIT_UNPACK_MAX
#else
#define MCUEDIT_UNPACKED 0
#endif

/* An x that meets many rows. It may be unpacked when the second row of the same width comes. */
typedef struct {
    const int8_t *x;
    uint32_t n;
#if MCUEDIT_UNPACKED > 0
    uint32_t last;     /* `form` of the last row that met it packed; 1: none */
    uint32_t unpacked; /* `form` of the rows that `pairs` is for; 1: none */
    uint32_t pairs[MCUEDIT_UNPACKED / 2];
#endif
} mcuedit_row;

static inline void mcuedit_row_begin(mcuedit_row *row, const int8_t *x, uint32_t n)
{
    row->x = x;
    row->n = n;
#if MCUEDIT_UNPACKED > 0
    row->last = 1;
    row->unpacked = 1;
#endif
}

/*
 * sum + a . x; `form` are the bits DELTA_FORM of the delta's flags. Whole rows of a multiple of 8 elements start at a
 * word, those with a window at an even address.
 */
#if MCUEDIT_UNPACKED > 0
int32_t mcuedit_dot_unpacked(const mcuedit_row *row, const uint8_t *a, uint32_t form, int32_t sum);
/* With an x that is not unpacked for rows of this width: the second such row unpacks it. */
int32_t mcuedit_dot_first(mcuedit_row *row, const uint8_t *a, uint32_t form, int32_t sum);
static inline int32_t mcuedit_row_dot(mcuedit_row *row, const uint8_t *a, uint32_t form, int32_t sum)
{
    return row->unpacked == form ? mcuedit_dot_unpacked(row, a, form, sum) : mcuedit_dot_first(row, a, form, sum);
}
#else
int32_t mcuedit_row_dot(mcuedit_row *row, const uint8_t *a, uint32_t form, int32_t sum);
#endif
int32_t mcuedit_dot_s8(const int8_t *a, const int8_t *x, uint32_t n, int32_t sum);
int32_t mcuedit_dot_s4(const uint8_t *a, const int8_t *x, uint32_t n, int32_t sum);

/* Element i of an int4 row. */
static inline int32_t mcuedit_nibble(const uint8_t *a, uint32_t i)
{
    int32_t nibble = (a[i >> 1] >> ((i & 1u) * 4u)) & 0xF;
    return (nibble ^ 8) - 8;
}

#endif
