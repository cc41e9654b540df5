/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The callbacks of a mcuedit_trust over the PSA Crypto API, in place of the rest of this folder:
 *
 *     const mcuedit_trust trust = {.keys = keys, .key_count = 1, .sha256 = mcuedit_psa_sha256,
 *                                  .verify = mcuedit_psa_ed25519};
 *
 * after psa_crypto_init(). The implementation must have PSA_ALG_SHA_256 and PSA_ALG_PURE_EDDSA.
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

#endif
