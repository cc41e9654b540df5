/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUEDIT_SHA2_H
#define MCUEDIT_SHA2_H

/*
 * Constants of SHA-512 (FIPS 180-4, 4.2.3 and 5.3.5). The upper halves are those of SHA-256 (4.2.2, 5.3.3): both are
 * the first bits of the fractions of the same roots, so that firmware with both hashes has one table.
 */

#include <stdbool.h>
#include <stdint.h>

extern const uint64_t mcuedit_sha2_start[8];
extern const uint64_t mcuedit_sha2_round[80];

/*
 * Moves bytes to a block of `length` bytes, a power of two, of a hash that took `*size` before. True if the block is
 * full then; false if there are no more.
 */
static inline bool mcuedit_sha2_fill(uint8_t *block, uint32_t length, uint64_t *size, const uint8_t **from,
                                     uint32_t *left)
{
    while (*left != 0) {
        block[(uint32_t)*size & (length - 1u)] = *(*from)++;
        (*size)++;
        (*left)--;
        if (((uint32_t)*size & (length - 1u)) == 0) {
            return true;
        }
    }
    return false;
}

#endif
