/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures of Ed25519 (RFC 8032, sections 5.1.5 and 5.1.6). Apart from the check, for firmware that signs nothing. */
#include "mcuedit/compiler.h"
#include "mcuedit/crypto.h"
#include "monocypher.h"

/* The scalar, then what makes the secret number of each signature. */
static void expand(const uint8_t secret[32], uint8_t expanded[64])
{
    mcuedit_sha512 hash;
    mcuedit_sha512_init(&hash);
    mcuedit_sha512_update(&hash, secret, 32);
    mcuedit_sha512_final(&hash, expanded);
    crypto_eddsa_trim_scalar(expanded, expanded);
    crypto_wipe(&hash, sizeof(hash));
}

/* The hash of up to three parts, as a scalar. */
static void reduced_hash(const uint8_t first[32], const uint8_t *second, const void *message, uint32_t size,
                         uint8_t scalar[32])
{
    mcuedit_sha512 hash;
    uint8_t digest[64];
    mcuedit_sha512_init(&hash);
    mcuedit_sha512_update(&hash, first, 32);
    if (second) {
        mcuedit_sha512_update(&hash, second, 32);
    }
    mcuedit_sha512_update(&hash, message, size);
    mcuedit_sha512_final(&hash, digest);
    crypto_eddsa_reduce(scalar, digest);
    crypto_wipe(&hash, sizeof(hash));
    crypto_wipe(digest, sizeof(digest));
}

void mcuedit_ed25519_public(const uint8_t secret[32], uint8_t key[32])
{
    uint8_t expanded[64];
    expand(secret, expanded);
    crypto_eddsa_scalarbase(key, expanded);
    crypto_wipe(expanded, sizeof(expanded));
}

void mcuedit_ed25519_sign(const uint8_t secret[32], const void *message, uint32_t size, uint8_t signature[64])
{
    uint8_t expanded[64], key[32], number[32], scalar[32];
    expand(secret, expanded);
    crypto_eddsa_scalarbase(key, expanded);
    reduced_hash(expanded + 32, NULL, message, size, number);
    crypto_eddsa_scalarbase(signature, number);
    reduced_hash(signature, key, message, size, scalar);
    crypto_eddsa_mul_add(signature + 32, scalar, expanded, number);
    crypto_wipe(expanded, sizeof(expanded));
    crypto_wipe(number, sizeof(number));
}
