/* SPDX-License-Identifier: Apache-2.0 */
/* Group 1: slots as mcumgr's images. What a slot is, user group 64 tells in full. */
#include "slot.h"
#include "upload.h"

#define DIGEST_SIZE 32u
#define ALL         100u

static bool put_flag(mcuedit_smp_exchange *exchange, const char *key, bool set)
{
    return !set || mcuedit_smp_put_bool(exchange, key, true);
}

static bool put_slot(mcuedit_smp_exchange *exchange, const mcuedit_smp_slot *view, uint32_t slot)
{
    const mcuedit_store *store = exchange->smp->config->store;
    const mcuedit_store_state *state = mcuedit_store_status(store);
    uint32_t active = mcuedit_store_mask(store, state->in_trial);
    char version[MCUEDIT_SMP_VERSION_MAX];
    uint32_t length = mcuedit_smp_version(&view->package, '.', version);
    bool ok = zcbor_map_start_encode(exchange->out, ZCBOR_LARGE_ELEM_COUNT);
    ok = ok && mcuedit_smp_put_uint(exchange, MCUEDIT_SMP_KEY_SLOT, slot);
    ok = ok && mcuedit_smp_put_text(exchange, MCUEDIT_SMP_KEY_VERSION, version, length);
    ok = ok && mcuedit_smp_put_bytes(exchange, MCUEDIT_SMP_KEY_HASH, view->package.digest, DIGEST_SIZE);
    ok = ok && put_flag(exchange, MCUEDIT_SMP_KEY_BOOTABLE, view->info.state != MCUEDIT_SLOT_REVOKED);
    ok = ok && put_flag(exchange, MCUEDIT_SMP_KEY_PENDING, view->info.state == MCUEDIT_SLOT_TRIAL);
    ok = ok && put_flag(exchange, MCUEDIT_SMP_KEY_CONFIRMED, view->info.state == MCUEDIT_SLOT_CONFIRMED);
    ok = ok && put_flag(exchange, MCUEDIT_SMP_KEY_ACTIVE, (active >> slot & 1u) != 0);
    return ok && zcbor_map_end_encode(exchange->out, ZCBOR_LARGE_ELEM_COUNT);
}

static int list(mcuedit_smp_exchange *exchange)
{
    const mcuedit_store *store = exchange->smp->config->store;
    bool ok = mcuedit_smp_put_key(exchange, MCUEDIT_SMP_KEY_IMAGES);
    ok = ok && zcbor_list_start_encode(exchange->out, ZCBOR_LARGE_ELEM_COUNT);
    mcuedit_smp_slot view;
    for (uint32_t slot = 0; ok && !mcuedit_smp_read_slot(store, slot, &view); slot++) {
        ok = !view.is_package || put_slot(exchange, &view, slot);
    }
    return mcuedit_smp_done(ok && zcbor_list_end_encode(exchange->out, ZCBOR_LARGE_ELEM_COUNT));
}

static bool same_name(const mcuedit_package *left, const mcuedit_package *right)
{
    return left->name_length == right->name_length && mcuedit_smp_equal(left->name, right->name, left->name_length);
}

/* The slot of the package of this digest that is not revoked. */
static int find(const mcuedit_store *store, const uint8_t *digest, uint32_t *slot, mcuedit_smp_slot *view)
{
    for (*slot = 0;; ++*slot) {
        int err = mcuedit_smp_read_slot(store, *slot, view);
        if (err) {
            return MCUEDIT_E_NAME;
        }
        if (view->is_package && view->info.state != MCUEDIT_SLOT_REVOKED &&
            mcuedit_smp_equal(view->package.digest, digest, DIGEST_SIZE)) {
            return MCUEDIT_OK;
        }
    }
}

/* A trial of what is confirmed and this package, which takes the place of one of its name. */
static int try_package(const mcuedit_smp_config *config, const uint8_t *digest)
{
    mcuedit_smp_slot view, other;
    uint32_t slot;
    int err = find(config->store, digest, &slot, &view);
    if (err) {
        return err;
    }
    uint32_t mask = mcuedit_store_status(config->store)->confirmed;
    for (uint32_t i = 0; !mcuedit_smp_read_slot(config->store, i, &other); i++) {
        if (other.is_package && same_name(&other.package, &view.package)) {
            mask &= ~(1u << i);
        }
    }
    return mcuedit_store_activate(config->store, (uint16_t)(mask | 1u << slot), config->boots, ALL);
}

/* A hash asks for a trial; `confirm`, with the hash of a package in the trial or without, confirms the trial. */
static int change(mcuedit_smp_exchange *exchange)
{
    const mcuedit_smp_config *config = exchange->smp->config;
    struct zcbor_string hash;
    bool confirm = false;
    mcuedit_smp_field fields[] = {
        {MCUEDIT_SMP_KEY_HASH, MCUEDIT_SMP_BYTES, &hash, false},
        {MCUEDIT_SMP_KEY_CONFIRM, MCUEDIT_SMP_BOOL, &confirm, false},
    };
    int err = mcuedit_smp_fields(exchange, fields, sizeof(fields) / sizeof(fields[0]));
    bool has_hash = fields[0].present;
    if (err || (has_hash ? hash.len != DIGEST_SIZE : !confirm)) {
        return MCUEDIT_SMP_INVALID;
    }
    if (!confirm) {
        err = try_package(config, hash.value);
    } else {
        mcuedit_smp_slot view;
        uint32_t slot;
        err = has_hash ? find(config->store, hash.value, &slot, &view) : MCUEDIT_OK;
        if (!err && has_hash && view.info.state != MCUEDIT_SLOT_TRIAL) {
            return MCUEDIT_E_STATE;
        }
        err = err ? err : mcuedit_store_confirm(config->store);
    }
    return err ? err : list(exchange);
}

static int erase(mcuedit_smp_exchange *exchange)
{
    uint32_t slot;
    mcuedit_smp_field field = {MCUEDIT_SMP_KEY_SLOT, MCUEDIT_SMP_UINT, &slot, false};
    int err = mcuedit_smp_fields(exchange, &field, 1);
    if (err || !field.present) {
        return MCUEDIT_SMP_INVALID;
    }
    mcuedit_smp_slot view;
    err = mcuedit_smp_read_slot(exchange->smp->config->store, slot, &view);
    return err ? err : mcuedit_store_erase(exchange->smp->config->store, (uint8_t)slot);
}

const mcuedit_smp_command mcuedit_smp_image[] = {
    [MCUEDIT_SMP_COMMAND_IMAGE_STATE] = {.read = list, .write = change},
    [MCUEDIT_SMP_COMMAND_IMAGE_UPLOAD] = {.write = mcuedit_smp_upload},
    [MCUEDIT_SMP_COMMAND_IMAGE_ERASE] = {.write = erase},
};
const uint8_t mcuedit_smp_image_count = sizeof(mcuedit_smp_image) / sizeof(mcuedit_smp_image[0]);

#if MCUEDIT_AUTHORITY
const uint8_t mcuedit_smp_image_asks[] = {
    [MCUEDIT_SMP_COMMAND_IMAGE_STATE] = MCUEDIT_ASKS_IMAGES,
    [MCUEDIT_SMP_COMMAND_IMAGE_UPLOAD] = MCUEDIT_ASKS_UPLOAD,
    [MCUEDIT_SMP_COMMAND_IMAGE_ERASE] = MCUEDIT_ASKS_DROP,
};
MCUEDIT_STATIC_ASSERT(sizeof(mcuedit_smp_image_asks) == sizeof(mcuedit_smp_image) / sizeof(mcuedit_smp_image[0]),
                      every_command_has_a_class);
#endif
