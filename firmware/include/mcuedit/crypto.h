/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reference cryptography of a mcuedit_trust (package.h): SHA-256 and SHA-512 (FIPS 180-4), and Ed25519 (RFC 8032)
 * over Monocypher, whose sources are not part of this one (DESIGN.md). A device that has PSA or Mbed TLS needs none of
 * it.
 */
#ifndef MCUEDIT_CRYPTO_H
#define MCUEDIT_CRYPTO_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A hash on its way: init, any number of updates, final. Fields are private. No secrets: nothing is wiped. */
typedef struct {
    uint32_t state[8];
    uint64_t size;
    uint8_t block[64];
} mcuedit_sha256;

typedef struct {
    uint64_t state[8];
    uint64_t size;
    uint8_t block[128];
} mcuedit_sha512;

void mcuedit_sha256_init(mcuedit_sha256 *hash);
void mcuedit_sha256_update(mcuedit_sha256 *hash, const void *bytes, uint32_t size);
void mcuedit_sha256_final(mcuedit_sha256 *hash, uint8_t digest[32]);

void mcuedit_sha512_init(mcuedit_sha512 *hash);
void mcuedit_sha512_update(mcuedit_sha512 *hash, const void *bytes, uint32_t size);
void mcuedit_sha512_final(mcuedit_sha512 *hash, uint8_t digest[64]);

/* All at once; fits mcuedit_trust.sha256. `context` is not used. */
void mcuedit_sha256_of(void *context, const void *bytes, uint32_t size, uint8_t digest[32]);

/* The HMAC-SHA-256 of `bytes` by a key of 32 bytes; for mcuedit_authority.mac. */
void mcuedit_hmac_sha256(const uint8_t key[32], const void *bytes, uint32_t size, uint8_t mac[32]);

/* 0 if `signature` is that of `key` for `message`; fits mcuedit_trust.verify. `context` is not used. */
int mcuedit_ed25519_check(void *context, const uint8_t key[32], const uint8_t signature[64], const void *message,
                          uint32_t size);

/* The public key of a secret of 32 bytes, and the signature of `message` by it; for mcuedit_authority.prove. */
void mcuedit_ed25519_public(const uint8_t secret[32], uint8_t key[32]);
void mcuedit_ed25519_sign(const uint8_t secret[32], const void *message, uint32_t size, uint8_t signature[64]);

#ifdef __cplusplus
}
#endif

#endif
