/* SPDX-License-Identifier: Apache-2.0 */
/* A PSA Crypto of one imported key and three that were provisioned, which refuses whatever is not asked for as the API
 * wants it. */
#include <string.h>

#include "mcuedit/crypto.h"
#include "crypto/mcuedit_psa.h"

/* Provisioned keys: HMAC, HMAC, Ed25519. What they are the test knows, too. */
enum { COMMANDS = 11, ANSWERS, SIGNS };

static const uint8_t secrets[3][32] = {"of commands", "of answers", "of signatures"};
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

psa_status_t psa_mac_compute(psa_key_id_t id, psa_algorithm_t algorithm, const uint8_t *input, size_t size,
                             uint8_t *mac, size_t mac_size, size_t *mac_length)
{
    if (id < COMMANDS || id > ANSWERS || algorithm != PSA_ALG_HMAC(PSA_ALG_SHA_256) || mac_size < 32) {
        return -135;
    }
    mcuedit_hmac_sha256(secrets[id - COMMANDS], input, (uint32_t)size, mac);
    *mac_length = 32;
    return PSA_SUCCESS;
}

psa_status_t psa_sign_message(psa_key_id_t id, psa_algorithm_t algorithm, const uint8_t *input, size_t size,
                              uint8_t *signature, size_t signature_size, size_t *signature_length)
{
    if (id != SIGNS || algorithm != PSA_ALG_PURE_EDDSA || signature_size < 64) {
        return -135;
    }
    mcuedit_ed25519_sign(secrets[id - COMMANDS], input, (uint32_t)size, signature);
    *signature_length = 64;
    return PSA_SUCCESS;
}

psa_status_t psa_generate_random(uint8_t *output, size_t size)
{
    if (size > 256) {
        return -148;
    }
    memset(output, 0xa5, size);
    return PSA_SUCCESS;
}

/* The callbacks at addresses. */
int psa_mac(void *context, const uint8_t digest[32], uint8_t mac[32]);
int psa_random(void *context, void *bytes, uint32_t size);
int psa_prove_mac(void *context, const uint8_t digest[32], uint8_t proof[64]);
int psa_prove_ed25519(void *context, const uint8_t digest[32], uint8_t proof[64]);

int psa_mac(void *context, const uint8_t digest[32], uint8_t mac[32])
{
    return mcuedit_psa_mac(context, digest, mac);
}

int psa_random(void *context, void *bytes, uint32_t size)
{
    return mcuedit_psa_random(context, bytes, size);
}

int psa_prove_mac(void *context, const uint8_t digest[32], uint8_t proof[64])
{
    return mcuedit_psa_prove_mac(context, digest, proof);
}

int psa_prove_ed25519(void *context, const uint8_t digest[32], uint8_t proof[64])
{
    return mcuedit_psa_prove_ed25519(context, digest, proof);
}
