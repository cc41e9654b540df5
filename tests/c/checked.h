/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CHECKED_H
#define CHECKED_H

/* What a device does with bytes that claim to be a package, but for what needs a store. */

#include <stdint.h>

/* Package, adapter, then the input of every self-test. `keys`: `key_count` times 32 bytes. The first error. */
int checked(const uint8_t *keys, uint32_t key_count, const void *bytes, uint32_t size);

#endif
