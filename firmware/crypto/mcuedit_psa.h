/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The callbacks of a mcuedit_trust and of a mcuedit_authority over the PSA Crypto API, in place of the rest of this
 * folder:
 *
 *     const mcuedit_trust trust = {.keys = keys, .key_count = 1, .sha256 = mcuedit_psa_sha256,
 *                                  .verify = mcuedit_psa_ed25519};
 *     static mcuedit_psa_keys own = {.commands = COMMANDS_KEY, .answers = ANSWERS_KEY};
 *     mcuedit_authority authority = {.keys = operators, .key_count = 1, .context = &own, .mac = mcuedit_psa_mac,
 *                                    .random = mcuedit_psa_random, .prove = mcuedit_psa_prove_mac};
 *
 * after psa_crypto_init(). The implementation must have PSA_ALG_SHA_256, PSA_ALG_PURE_EDDSA where something is signed,
 * and PSA_ALG_HMAC(PSA_ALG_SHA_256) where there is a MAC. Signatures of commands are checked by the trust's `verify`.
 */
#ifndef MCUEDIT_PSA_H
#define MCUEDIT_PSA_H

#include <stddef.h>
#include <stdint.h>

#include <psa/crypto.h>

static inline void mcuedit_psa_sha256(void *context, const void *bytes, uint32_t size, uint8_t digest[32])
{
    size_t length;
    (void)context;
    if (psa_hash_compute(PSA_ALG_SHA_256, bytes, size, digest, 32, &length) != PSA_SUCCESS) {
        for (uint32_t i = 0; i < 32; i++) { /* fits nothing that is signed */
            digest[i] = 0;
        }
    }
}

static inline int mcuedit_psa_ed25519(void *context, const uint8_t key[32], const uint8_t signature[64],
                                      const void *message, uint32_t size)
{
    psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
    psa_key_id_t id;
    (void)context;
    psa_set_key_type(&attributes, PSA_KEY_TYPE_ECC_PUBLIC_KEY(PSA_ECC_FAMILY_TWISTED_EDWARDS));
    psa_set_key_bits(&attributes, 255);
    psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_VERIFY_MESSAGE);
    psa_set_key_algorithm(&attributes, PSA_ALG_PURE_EDDSA);
    if (psa_import_key(&attributes, key, 32, &id) != PSA_SUCCESS) {
        return -1;
    }
    psa_status_t status = psa_verify_message(id, PSA_ALG_PURE_EDDSA, message, size, signature, 64);
    psa_destroy_key(id);
    return status == PSA_SUCCESS ? 0 : -1;
}

/*
 * The device's own keys, provisioned into PSA's store: of PSA_KEY_TYPE_HMAC and 256 bits for
 * PSA_ALG_HMAC(PSA_ALG_SHA_256), or for proofs an Ed25519 key pair for PSA_ALG_PURE_EDDSA; both with
 * PSA_KEY_USAGE_SIGN_MESSAGE and none to be exported. Let it be the first thing in your context if you have more there.
 */
typedef struct {
    psa_key_id_t commands; /* shared with the operator */
    psa_key_id_t answers;  /* by which the device proves what it answers; another one */
} mcuedit_psa_keys;

#define MCUEDIT_PSA_REFUSED (-32) /* E_AUTHORITY: the key is not there, or not for this */

static inline int mcuedit_psa_hmac(psa_key_id_t key, const uint8_t digest[32], uint8_t mac[32])
{
    size_t length = 0;
    psa_status_t status = psa_mac_compute(key, PSA_ALG_HMAC(PSA_ALG_SHA_256), digest, 32, mac, 32, &length);
    return status == PSA_SUCCESS && length == 32 ? 0 : MCUEDIT_PSA_REFUSED;
}

static inline int mcuedit_psa_mac(void *context, const uint8_t digest[32], uint8_t mac[32])
{
    return mcuedit_psa_hmac(((const mcuedit_psa_keys *)context)->commands, digest, mac);
}

static inline int mcuedit_psa_random(void *context, void *bytes, uint32_t size)
{
    (void)context;
    return psa_generate_random(bytes, size) == PSA_SUCCESS ? 0 : MCUEDIT_PSA_REFUSED;
}

static inline int mcuedit_psa_prove_mac(void *context, const uint8_t digest[32], uint8_t proof[64])
{
    int err = mcuedit_psa_hmac(((const mcuedit_psa_keys *)context)->answers, digest, proof);
    return err ? err : 32;
}

static inline int mcuedit_psa_prove_ed25519(void *context, const uint8_t digest[32], uint8_t proof[64])
{
    size_t length = 0;
    psa_status_t status = psa_sign_message(((const mcuedit_psa_keys *)context)->answers, PSA_ALG_PURE_EDDSA, digest, 32,
                                           proof, 64, &length);
    return status == PSA_SUCCESS && length == 64 ? 64 : MCUEDIT_PSA_REFUSED;
}

#endif
