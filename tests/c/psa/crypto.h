/* SPDX-License-Identifier: Apache-2.0 */
/* What firmware/crypto/mcuedit_psa.h uses of the PSA Crypto API 1.1, over our own cryptography. */
#ifndef PSA_CRYPTO_H
#define PSA_CRYPTO_H

#include <stddef.h>
#include <stdint.h>

#define PSA_SUCCESS                        ((psa_status_t)0)
#define PSA_ALG_SHA_256                    ((psa_algorithm_t)0x02000009)
#define PSA_ALG_PURE_EDDSA                 ((psa_algorithm_t)0x06000800)
#define PSA_ECC_FAMILY_TWISTED_EDWARDS     ((psa_ecc_family_t)0x42)
#define PSA_KEY_TYPE_ECC_PUBLIC_KEY(curve) ((psa_key_type_t)(0x4100 | (curve)))
#define PSA_ALG_HMAC(hash)                 ((psa_algorithm_t)(0x03800000 | ((hash) & 0xff)))
#define PSA_KEY_USAGE_VERIFY_MESSAGE       ((psa_key_usage_t)0x00000800)
#define PSA_KEY_ATTRIBUTES_INIT            {0, 0, 0, 0}

typedef int32_t psa_status_t;
typedef uint32_t psa_algorithm_t;
typedef uint32_t psa_key_id_t;
typedef uint32_t psa_key_usage_t;
typedef uint16_t psa_key_type_t;
typedef uint8_t psa_ecc_family_t;

typedef struct {
    psa_key_type_t type;
    size_t bits;
    psa_key_usage_t usage;
    psa_algorithm_t algorithm;
} psa_key_attributes_t;

void psa_set_key_type(psa_key_attributes_t *attributes, psa_key_type_t type);
void psa_set_key_bits(psa_key_attributes_t *attributes, size_t bits);
void psa_set_key_usage_flags(psa_key_attributes_t *attributes, psa_key_usage_t usage);
void psa_set_key_algorithm(psa_key_attributes_t *attributes, psa_algorithm_t algorithm);
psa_status_t psa_import_key(const psa_key_attributes_t *attributes, const uint8_t *data, size_t size, psa_key_id_t *id);
psa_status_t psa_destroy_key(psa_key_id_t id);
psa_status_t psa_hash_compute(psa_algorithm_t algorithm, const uint8_t *input, size_t size, uint8_t *hash,
                              size_t hash_size, size_t *hash_length);
psa_status_t psa_verify_message(psa_key_id_t id, psa_algorithm_t algorithm, const uint8_t *input, size_t size,
                                const uint8_t *signature, size_t signature_size);
psa_status_t psa_mac_compute(psa_key_id_t id, psa_algorithm_t algorithm, const uint8_t *input, size_t size,
                             uint8_t *mac, size_t mac_size, size_t *mac_length);
psa_status_t psa_sign_message(psa_key_id_t id, psa_algorithm_t algorithm, const uint8_t *input, size_t size,
                              uint8_t *signature, size_t signature_size, size_t *signature_length);
psa_status_t psa_generate_random(uint8_t *output, size_t size);

#endif
