/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUEDIT_BYTES_H
#define MCUEDIT_BYTES_H

/*
 * Fields of the byte formats, read in place. A copy of constant size is the one way to do that which is defined in C;
 * the promised alignment lets compilers make it a single load on every core.
 */

#include <stdint.h>

#include "mcuedit/compiler.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the byte formats are little-endian and read in place (SPEC.md)"
#endif

/* `p` is 2-byte aligned. */
static inline uint16_t mcuedit_u16(const uint8_t *p)
{
    uint16_t value;
    MCUEDIT_COPY(&value, MCUEDIT_AT_ALIGNED(p, 2), sizeof(value));
    return value;
}

/* `p` is 4-byte aligned. */
static inline uint32_t mcuedit_u32(const uint8_t *p)
{
    uint32_t value;
    MCUEDIT_COPY(&value, MCUEDIT_AT_ALIGNED(p, 4), sizeof(value));
    return value;
}

static inline int32_t mcuedit_i32(const uint8_t *p)
{
    return (int32_t)mcuedit_u32(p);
}

static inline int8_t mcuedit_i8(const uint8_t *p)
{
    return (int8_t)*p;
}

#endif
