/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUEDIT_SHA2_H
#define MCUEDIT_SHA2_H

/*
 * Constants of SHA-512 (FIPS 180-4, 4.2.3 and 5.3.5). The upper halves are those of SHA-256 (4.2.2, 5.3.3): both are
 * the first bits of the fractions of the same roots, so that firmware with both hashes has one table.
 */

#include <stdint.h>

extern const uint64_t mcuedit_sha2_start[8];
extern const uint64_t mcuedit_sha2_round[80];

#endif
