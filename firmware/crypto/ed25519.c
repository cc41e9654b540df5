/* SPDX-License-Identifier: Apache-2.0 */
/* Ed25519 (RFC 8032, section 5.1.7) of Monocypher's arithmetic and our SHA-512, which Monocypher lacks. */
#include "mcuedit/crypto.h"
#include "monocypher.h"

int mcuedit_ed25519_check(void *context, const uint8_t key[32], const uint8_t signature[64], const void *message,
                          uint32_t size)
{
    mcuedit_sha512 hash;
    uint8_t digest[64], reduced[32];
    (void)context;
    mcuedit_sha512_init(&hash);
    mcuedit_sha512_update(&hash, signature, 32);
    mcuedit_sha512_update(&hash, key, 32);
    mcuedit_sha512_update(&hash, message, size);
    mcuedit_sha512_final(&hash, digest);
    crypto_eddsa_reduce(reduced, digest);
    return crypto_eddsa_check_equation(signature, key, reduced);
}
