/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys whose packages are not taken any more, by a list that root keys have signed (docs/spec/package.md). The journal
 * keeps what a list says, in one record: it is in force or it is not.
 */
#include <stdbool.h>
#include <stddef.h>

#include "journal.h"
#include "signer.h"

#if MCUEDIT_ROOTS

/* A list: this head, the ids of keys in ascending order, then signatures in the order of their ids. */
enum { MAGIC = 0, VERSION = 4, COUNT = 8, ZEROS = 9, HEAD_SIZE = 12 };

#define ID             MCUEDIT_KEY_ID
#define SIGNATURE_SIZE (ID + 64u)

MCUEDIT_STATIC_ASSERT(sizeof(mcuedit_record) <= 256, a_record_has_room_for_the_keys);

/* Are there `count` ids in ascending order, none twice, `spacing` bytes from one to the next? */
static bool are_ascending(const uint8_t *ids, uint32_t count, uint32_t spacing)
{
    for (; count > 1; count--, ids += spacing) {
        if (MCUEDIT_COMPARE(ids, ids + spacing, ID) >= 0) {
            return false;
        }
    }
    return true;
}

/* What an id is the beginning of: the SHA-256 by which packages name their signer, too. */
static void key_hash(const mcuedit_trust *trust, const uint8_t key[32], uint8_t digest[32])
{
    struct {
        uint8_t prefix[12], key[32];
    } info = {.prefix = MCUEDIT_KEY_PREFIX};
    MCUEDIT_COPY(info.key, key, sizeof(info.key));
    trust->sha256(trust->context, &info, sizeof(info), digest);
}

/* Is `signature`, behind the id of its key, by one of the roots? */
static int check_signature(const mcuedit_store_config *config, const uint8_t *signature, const uint8_t digest[32])
{
    const mcuedit_roots *roots = config->roots;
    const mcuedit_trust *trust = config->trust;
    uint8_t id[32];
    for (uint32_t i = 0; i < roots->count; i++) {
        key_hash(trust, roots->keys[i], id);
        if (MCUEDIT_COMPARE(id, signature, ID) == 0) {
            return trust->verify(trust->context, roots->keys[i], signature + ID, digest, 32) ? MCUEDIT_E_SIGNATURE
                                                                                             : MCUEDIT_OK;
        }
    }
    return MCUEDIT_E_KEY;
}

/* Form, version, and signatures last. Gives version and digest of what is signed. */
static int check_list(const mcuedit_store *store, const uint8_t *list, uint32_t size, uint32_t *version,
                      uint8_t digest[32])
{
    const mcuedit_store_config *config = store->config;
    if (size < HEAD_SIZE) {
        return MCUEDIT_E_SIZE;
    }
    if (MCUEDIT_COMPARE(list + MAGIC, "mcuR", 4) != 0) {
        return MCUEDIT_E_MAGIC;
    }
    uint32_t count = list[COUNT], body = HEAD_SIZE + ID * count, signatures = (size - body) / SIGNATURE_SIZE;
    if (count > MCUEDIT_REVOKED_KEYS || list[ZEROS] != 0 || list[ZEROS + 1] != 0 || list[ZEROS + 2] != 0) {
        return MCUEDIT_E_FORM;
    }
    if (size < body || (size - body) % SIGNATURE_SIZE != 0) {
        return MCUEDIT_E_SIZE;
    }
    if (!are_ascending(list + HEAD_SIZE, count, ID) || !are_ascending(list + body, signatures, SIGNATURE_SIZE)) {
        return MCUEDIT_E_FORM;
    }
    MCUEDIT_COPY(version, list + VERSION, sizeof(*version)); /* at any address */
    if (*version <= store->state.revocation) {
        return MCUEDIT_E_COUNTER;
    }
    if (!config->roots || signatures == 0 || signatures < config->roots->threshold) {
        return MCUEDIT_E_AUTHORITY;
    }
    config->trust->sha256(config->trust->context, list, body, digest);
    int err = MCUEDIT_OK;
    for (uint32_t at = body; !err && at < size; at += SIGNATURE_SIZE) { /* of different keys: their ids ascend */
        err = check_signature(config, list + at, digest);
    }
    return err;
}

int mcuedit_store_revoke_keys(mcuedit_store *store, const void *list, uint32_t size)
{
    const uint8_t *bytes = list;
    uint8_t digest[32];
    mcuedit_record record;
    mcuedit_journal_begin(store, &record, MCUEDIT_LOG_KEYS, MCUEDIT_NO_SLOT);
    int err = check_list(store, bytes, size, &record.counter, digest);
    if (err) {
        return err;
    }
    MCUEDIT_COPY(record.digest, digest, sizeof(record.digest));
    record.state.revocation = record.counter;
    record.state.revoked_count = bytes[COUNT];
    MCUEDIT_FILL(record.state.revoked, 0, sizeof(record.state.revoked));
    for (uint32_t i = 0; i < ID * bytes[COUNT]; i++) {
        record.state.revoked[i / ID][i % ID] = bytes[HEAD_SIZE + i];
    }
    return mcuedit_journal_append(store, &record);
}

int mcuedit_key_is_revoked(const mcuedit_store *store, const uint8_t *key_hash)
{
    for (uint32_t i = 0; i < store->state.revoked_count; i++) {
        if (MCUEDIT_COMPARE(store->state.revoked[i], key_hash, ID) == 0) {
            return 1;
        }
    }
    return 0;
}

#endif
