/* SPDX-License-Identifier: Apache-2.0 */
/* A PSA Crypto of one key, which refuses whatever is not asked for as the API wants it. */
#include <string.h>

#include "mcuedit/crypto.h"
#include "crypto/mcuedit_psa.h"

static uint8_t key[32];
static psa_key_id_t imported;

int psa_keys_left(void);
int psa_check(const uint8_t public_key[32], const uint8_t signature[64], const void *message, uint32_t size);
void psa_sha256(const void *bytes, uint32_t size, uint8_t digest[32]);

void psa_set_key_type(psa_key_attributes_t *attributes, psa_key_type_t type)
{
    attributes->type = type;
}

void psa_set_key_bits(psa_key_attributes_t *attributes, size_t bits)
{
    attributes->bits = bits;
}

void psa_set_key_usage_flags(psa_key_attributes_t *attributes, psa_key_usage_t usage)
{
    attributes->usage = usage;
}

void psa_set_key_algorithm(psa_key_attributes_t *attributes, psa_algorithm_t algorithm)
{
    attributes->algorithm = algorithm;
}

psa_status_t psa_import_key(const psa_key_attributes_t *attributes, const uint8_t *data, size_t size, psa_key_id_t *id)
{
    if (imported || size != 32 || attributes->type != 0x4142 || attributes->bits != 255 ||
        attributes->usage != PSA_KEY_USAGE_VERIFY_MESSAGE || attributes->algorithm != PSA_ALG_PURE_EDDSA) {
        return -135;
    }
    memcpy(key, data, size);
    *id = imported = 7;
    return PSA_SUCCESS;
}

psa_status_t psa_destroy_key(psa_key_id_t id)
{
    if (id == imported) {
        imported = 0;
    }
    return PSA_SUCCESS;
}

psa_status_t psa_hash_compute(psa_algorithm_t algorithm, const uint8_t *input, size_t size, uint8_t *hash,
                              size_t hash_size, size_t *hash_length)
{
    if (algorithm != PSA_ALG_SHA_256 || hash_size < 32) {
        return -138;
    }
    mcuedit_sha256_of(NULL, input, (uint32_t)size, hash);
    *hash_length = 32;
    return PSA_SUCCESS;
}

psa_status_t psa_verify_message(psa_key_id_t id, psa_algorithm_t algorithm, const uint8_t *input, size_t size,
                                const uint8_t *signature, size_t signature_size)
{
    if (id != imported || algorithm != PSA_ALG_PURE_EDDSA || signature_size != 64) {
        return -135;
    }
    return mcuedit_ed25519_check(NULL, key, signature, input, (uint32_t)size) ? -149 : PSA_SUCCESS;
}

int psa_keys_left(void)
{
    return (int)imported;
}

int psa_check(const uint8_t public_key[32], const uint8_t signature[64], const void *message, uint32_t size)
{
    return mcuedit_psa_ed25519(NULL, public_key, signature, message, size);
}

void psa_sha256(const void *bytes, uint32_t size, uint8_t digest[32])
{
    mcuedit_psa_sha256(NULL, bytes, size, digest);
}
