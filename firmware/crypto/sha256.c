/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256, FIPS 180-4, section 6.2. Rolled up: for size, not for speed. */
#include "mcuedit/crypto.h"
#include "mcuedit/compiler.h"
#include "sha2.h"

static uint32_t rotate(uint32_t x, uint32_t n)
{
    return x >> n | x << (32u - n);
}

/* One block of 16 words. `w` holds the last 16 words of the schedule, that of round i at i modulo 16. */
static void compress(uint32_t state[8], const uint8_t *block)
{
    uint32_t w[16], v[8];
    MCUEDIT_COPY(v, state, sizeof(v));
    for (uint32_t i = 0; i < 64; i++, block += 4) {
        uint32_t *now = &w[i & 15u];
        if (i < 16) {
            *now = (uint32_t)block[0] << 24 | (uint32_t)block[1] << 16 | (uint32_t)block[2] << 8 | block[3];
        } else {
            uint32_t early = w[(i + 1) & 15u], late = w[(i + 14) & 15u];
            *now += (rotate(early, 7) ^ rotate(early, 18) ^ early >> 3) + w[(i + 9) & 15u] +
                    (rotate(late, 17) ^ rotate(late, 19) ^ late >> 10);
        }
        uint32_t a = v[0], e = v[4];
        uint32_t sum = v[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & v[5]) ^ (~e & v[6])) +
                       (uint32_t)(mcuedit_sha2_round[i] >> 32) + *now;
        uint32_t more = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));
        for (uint32_t j = 7; j > 0; j--) {
            v[j] = v[j - 1];
        }
        v[4] += sum;
        v[0] = sum + more;
    }
    for (uint32_t j = 0; j < 8; j++) {
        state[j] += v[j];
    }
}

void mcuedit_sha256_init(mcuedit_sha256 *hash)
{
    for (uint32_t j = 0; j < 8; j++) {
        hash->state[j] = (uint32_t)(mcuedit_sha2_start[j] >> 32);
    }
    hash->size = 0;
}

void mcuedit_sha256_update(mcuedit_sha256 *hash, const void *bytes, uint32_t size)
{
    const uint8_t *from = bytes;
    while (mcuedit_sha2_fill(hash->block, 64, &hash->size, &from, &size)) {
        compress(hash->state, hash->block);
    }
}

void mcuedit_sha256_final(mcuedit_sha256 *hash, uint8_t digest[32])
{
    static const uint8_t padding[64] = {0x80};
    uint64_t bits = hash->size << 3;
    uint8_t length[8];
    for (uint32_t i = 0; i < 8; i++) {
        length[i] = (uint8_t)(bits >> (56u - 8u * i));
    }
    mcuedit_sha256_update(hash, padding, 1u + ((55u - (uint32_t)hash->size) & 63u));
    mcuedit_sha256_update(hash, length, 8);
    for (uint32_t i = 0; i < 32; i++) {
        digest[i] = (uint8_t)(hash->state[i / 4] >> (24u - 8u * (i & 3u)));
    }
}

void mcuedit_sha256_of(void *context, const void *bytes, uint32_t size, uint8_t digest[32])
{
    mcuedit_sha256 hash;
    (void)context;
    mcuedit_sha256_init(&hash);
    mcuedit_sha256_update(&hash, bytes, size);
    mcuedit_sha256_final(&hash, digest);
}
