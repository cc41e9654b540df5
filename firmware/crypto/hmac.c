/* SPDX-License-Identifier: Apache-2.0 */
/* HMAC-SHA-256 (RFC 2104). */
#include "mcuedit/crypto.h"

#define BLOCK 64u
#define INNER 0x36u
#define OUTER 0x5Cu

static void start(mcuedit_sha256 *hash, const uint8_t key[32], uint8_t pad)
{
    uint8_t block[BLOCK];
    for (uint32_t i = 0; i < BLOCK; i++) {
        block[i] = (uint8_t)((i < 32 ? key[i] : 0) ^ pad);
    }
    mcuedit_sha256_init(hash);
    mcuedit_sha256_update(hash, block, BLOCK);
}

void mcuedit_hmac_sha256(const uint8_t key[32], const void *bytes, uint32_t size, uint8_t mac[32])
{
    mcuedit_sha256 hash;
    start(&hash, key, INNER);
    mcuedit_sha256_update(&hash, bytes, size);
    mcuedit_sha256_final(&hash, mac);
    start(&hash, key, OUTER);
    mcuedit_sha256_update(&hash, mac, 32);
    mcuedit_sha256_final(&hash, mac);
}
