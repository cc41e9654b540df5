/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-512, FIPS 180-4, section 6.4, of messages below 2^61 bytes. Rolled up: for size, not for speed. */
#include "mcuedit/crypto.h"
#include "mcuedit/compiler.h"
#include "sha2.h"

static MCUEDIT_NOINLINE uint64_t rotate(uint64_t x, uint32_t n)
{
    return x >> n | x << (64u - n);
}

/* One block of 16 words. `w` holds the last 16 words of the schedule, that of round i at i modulo 16. */
static void compress(uint64_t state[8], const uint8_t *block)
{
    uint64_t w[16], v[8];
    MCUEDIT_COPY(v, state, sizeof(v));
    for (uint32_t i = 0; i < 80; i++) {
        uint64_t *now = &w[i & 15u];
        if (i < 16) {
            *now = 0;
            for (uint32_t j = 0; j < 8; j++) {
                *now = *now << 8 | *block++;
            }
        } else {
            uint64_t early = w[(i + 1) & 15u], late = w[(i + 14) & 15u];
            *now += (rotate(early, 1) ^ rotate(early, 8) ^ early >> 7) + w[(i + 9) & 15u] +
                    (rotate(late, 19) ^ rotate(late, 61) ^ late >> 6);
        }
        uint64_t a = v[0], e = v[4];
        uint64_t sum = v[7] + (rotate(e, 14) ^ rotate(e, 18) ^ rotate(e, 41)) + ((e & v[5]) ^ (~e & v[6])) +
                       mcuedit_sha2_round[i] + *now;
        uint64_t more = (rotate(a, 28) ^ rotate(a, 34) ^ rotate(a, 39)) + ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));
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

void mcuedit_sha512_init(mcuedit_sha512 *hash)
{
    MCUEDIT_COPY(hash->state, mcuedit_sha2_start, sizeof(hash->state));
    hash->size = 0;
}

void mcuedit_sha512_update(mcuedit_sha512 *hash, const void *bytes, uint32_t size)
{
    const uint8_t *from = bytes;
    while (mcuedit_sha2_fill(hash->block, 128, &hash->size, &from, &size)) {
        compress(hash->state, hash->block);
    }
}

void mcuedit_sha512_final(mcuedit_sha512 *hash, uint8_t digest[64])
{
    static const uint8_t padding[128] = {0x80};
    uint64_t bits = hash->size << 3;
    uint8_t length[16] = {0};
    for (uint32_t i = 0; i < 8; i++) {
        length[8 + i] = (uint8_t)(bits >> (56u - 8u * i));
    }
    mcuedit_sha512_update(hash, padding, 1u + ((111u - (uint32_t)hash->size) & 127u));
    mcuedit_sha512_update(hash, length, 16);
    for (uint32_t i = 0; i < 64; i++) {
        digest[i] = (uint8_t)(hash->state[i / 8] >> (56u - 8u * (i & 7u)));
    }
}
