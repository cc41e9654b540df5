/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUEDIT_TRAIN_MATH_H
#define MCUEDIT_TRAIN_MATH_H

/*
 * What training spends its time in: rows of int8 with vectors of int16 and int32. On cores with SMLAD an int16 vector
 * keeps elements 1 and 2 of every four in each other's place, as SXTB16 splits bytes; MCUEDIT_AT finds an element.
 */

#include "../core/dot.h"

#ifdef MCUEDIT_DOT_DSP
#define MCUEDIT_AT(j, n) ((j) < ((n) & ~3u) ? (((j) & ~3u) | ((j) & 1u) << 1 | ((j) >> 1 & 1u)) : (j))
#else
#define MCUEDIT_AT(j, n) (j)
#endif

#define MCUEDIT_INT16 32767

/* x . w; the caller has proven that no partial sum leaves int32. `w` is at a word. */
int32_t mcuedit_train_dot(const int8_t *x, const int16_t *w, uint32_t n);

/* acc += c * x; |c| <= 32767. */
void mcuedit_train_add(int32_t *acc, const int8_t *x, int32_t c, uint32_t n);

/* w -= (c * (x - zx) + 2^15) / 2^16, within +-most. Returns the sum of the new w. */
int32_t mcuedit_train_move(int16_t *w, const int8_t *x, int32_t c, int32_t zx, int32_t most, uint32_t n);

/* Largest weight with which no product with an int8 row of n elements leaves 31 bits. */
int32_t mcuedit_train_limit(uint32_t n);

/* Halves all until none is above `most`. Returns how often. */
uint32_t mcuedit_train_fold(int32_t *values, uint32_t n, int32_t most);

/* x * m / 2^k, ties up; k in 1..62. Clamped to int16. */
int32_t mcuedit_train_scaled(int32_t x, int32_t m, int32_t k);

#endif
