/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUEDIT_CRC32_H
#define MCUEDIT_CRC32_H

#include <stdint.h>

#include "mcuedit/compiler.h"

/* CRC-32 (IEEE 802.3, reflected) of `size` more bytes; `crc` is 0 or the value so far, as in zlib. */
MCUEDIT_PURE uint32_t mcuedit_crc32(uint32_t crc, const uint8_t *bytes, uint32_t size);

#endif
