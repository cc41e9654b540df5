/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUEDIT_DELTA_H
#define MCUEDIT_DELTA_H

/* Where the fields of an adapter and of a delta stand: SPEC.md, section 3. */

#include "bytes.h"

enum {
    ADAPTER_COUNT = 4,
    ADAPTER_WORDS = 6,
    ADAPTER_BASE_ID = 8,
    ADAPTER_CRC = 16,
    ADAPTER_HEADER_SIZE = 20,
};

enum {
    DELTA_TAP = 0,
    DELTA_TARGET = 2,
    DELTA_N_IN = 4,
    DELTA_N_ROWS = 6,
    DELTA_WORDS = 8,
    DELTA_RANK = 10,
    DELTA_FLAGS = 11,
    DELTA_ZX = 12,
    DELTA_SHIFT = 13,
    DELTA_ACT_LO = 14,
    DELTA_ACT_HI = 15,
    DELTA_MULTIPLIER = 16,
    DELTA_HEADER_SIZE = 20,
    DELTA_C = 20, /* c[r], directly followed by m[r] and A */
};

/* Of a tap: it reads what its op gives, before any delta. The op is then the target, too. */
enum { DELTA_TAP_OUTPUT = 0x8000 };

enum { DELTA_GATED = 1, DELTA_INT4 = 2, DELTA_DENSE = 4, DELTA_WINDOWS = 8, DELTA_CONDITIONAL = 16 };

/* How a row of A is stored: 0 is whole, in int8. */
enum { DELTA_FORM = DELTA_INT4 | DELTA_WINDOWS };

/* Of a row with a window: where the first element belongs, and how many there are. They follow. */
enum { WINDOW_FIRST = 0, WINDOW_WIDTH = 2, WINDOW_HEADER_SIZE = 4 };

/* Bytes of a row of A; of one with a window, n_in counts its header, too. */
static inline uint32_t mcuedit_delta_pitch(const uint8_t *delta)
{
    uint32_t n_in = mcuedit_u16(delta + DELTA_N_IN);
    return delta[DELTA_FLAGS] & DELTA_INT4 ? (n_in + 1u) / 2u : n_in;
}

/* Offset of s[r], directly followed by B. */
MCUEDIT_PURE uint32_t mcuedit_delta_s(const uint8_t *delta);

/* Bytes of the row indices, which stand right before s; there are none when B is dense. */
static inline uint32_t mcuedit_delta_rows_size(const uint8_t *delta)
{
    return delta[DELTA_FLAGS] & DELTA_DENSE ? 0 : 2u * mcuedit_u16(delta + DELTA_N_ROWS);
}

static inline const uint8_t *mcuedit_delta_next(const uint8_t *delta)
{
    return delta + 4u * mcuedit_u16(delta + DELTA_WORDS);
}

/* Class of a label; labels have no alignment. */
static inline uint32_t mcuedit_label_class(const uint8_t *label)
{
    return label[0] | (uint32_t)label[1] << 8;
}

#endif
