/* SPDX-License-Identifier: Apache-2.0 */
/* How a package comes into a slot, and what is in a slot. */
#include <stdbool.h>
#include <stddef.h>

#include "journal.h"

uint32_t mcuedit_slot_offset(const mcuedit_store *store, uint32_t slot)
{
    return store->end + store->config->flash->slot_size * slot;
}

static const uint8_t *slot_bytes(const mcuedit_store *store, uint32_t slot)
{
    return store->config->flash->mapped + mcuedit_slot_offset(store, slot);
}

uint32_t mcuedit_slot_kept(const mcuedit_store *store, uint32_t slot)
{
    return slot < store->config->flash->slot_count ? store->state.slots[slot].bits >> MCUEDIT_SLOT_KEPT & 3u
                                                   : MCUEDIT_KEPT_NONE;
}

void mcuedit_slots_become(mcuedit_store_state *state, uint32_t mask, uint32_t kept)
{
    for (uint32_t i = 0; i < MCUEDIT_STORE_SLOTS; i++) {
        uint32_t *bits = &state->slots[i].bits;
        if ((mask >> i & 1u) != 0 && (*bits >> MCUEDIT_SLOT_KEPT & 3u) == MCUEDIT_KEPT_STAGED) {
            *bits += (kept - MCUEDIT_KEPT_STAGED) << MCUEDIT_SLOT_KEPT;
        }
    }
}

int mcuedit_slot_check(const mcuedit_store *store, uint32_t slot, uint32_t bits, mcuedit_package *package,
                       mcuedit_adapter *adapter)
{
    const mcuedit_store_config *config = store->config;
    const mcuedit_base *base = config->active->base;
    uint32_t size = bits & MCUEDIT_SLOT_SIZE, kept = bits >> MCUEDIT_SLOT_KEPT & 3u,
             minimum_counter = store->state.minimum_counter;
    const uint8_t *bytes = slot_bytes(store, slot);
    int err = MCUEDIT_OK;
    if (size > config->flash->slot_size) {
        return MCUEDIT_E_SIZE;
    }
    if ((bits & MCUEDIT_SLOT_LOCAL) != 0) {
        *package = (mcuedit_package){.adapter = bytes, .adapter_size = size};
    } else {
        err = mcuedit_package_check(package, config->trust, base, bytes, size);
#if MCUEDIT_ROOTS
        err = !err && mcuedit_key_is_revoked(store, package->key_hash) ? MCUEDIT_E_REVOKED : err;
#endif
        if (!err && kept != MCUEDIT_KEPT_PROVEN && (store->state.trial >> slot & 1u) == 0 &&
            (package->counter <= minimum_counter || package->counter - minimum_counter > MCUEDIT_COUNTER_STEP)) {
            err = MCUEDIT_E_COUNTER;
        }
#if MCUEDIT_AUTHORITY
        uint32_t fixed = store->state.confirmed | (uint32_t)store->state.trial;
        if (!err && package->counter < store->least && (fixed >> slot & 1u) == 0) {
            err = MCUEDIT_E_COUNTER; /* it was confirmed, and something newer came after it */
        }
#endif
    }
    return err ? err : mcuedit_adapter_open(adapter, base, package->adapter, package->adapter_size);
}

/* Is the SHA-256 of the bytes in a slot this one? */
static bool is_hash(const mcuedit_store *store, uint32_t slot, uint32_t size, const uint8_t sha256[32])
{
    const mcuedit_trust *trust = store->config->trust;
    uint8_t digest[32];
    trust->sha256(trust->context, slot_bytes(store, slot), size, digest);
    return MCUEDIT_COMPARE(digest, sha256, sizeof(digest)) == 0;
}

#if MCUEDIT_AUTHORITY
/* An upload that nobody has signed takes an empty slot, and not too often. */
static bool may_take(const mcuedit_store *store, uint32_t slot)
{
    return !store->open ||
           (mcuedit_slot_kept(store, slot) == MCUEDIT_KEPT_NONE && store->open_erases[slot] < MCUEDIT_OPEN_ERASES);
}

/* Why it takes none. */
static int why_none(const mcuedit_store *store)
{
    return !store->open ? MCUEDIT_E_FULL : store->open_count != 0 ? MCUEDIT_E_WEAR : MCUEDIT_E_AUTHORITY;
}

/* Was nothing written to an empty slot since it was erased as a whole? What was cut may read as blank and be none. */
static bool is_blank(const mcuedit_store *store, uint32_t slot)
{
    uint32_t from = mcuedit_slot_offset(store, slot);
    return store->state.slots[slot].bits == 0 &&
           mcuedit_journal_is_blank(store, from, from + store->config->flash->slot_size);
}
#endif

#if MCUEDIT_AUTHORITY
#define CLEARED MCUEDIT_SLOT_SOILED /* until it is erased as a whole */
#else
#define CLEARED 0u
#endif

/* The record before a slot is erased, `erases` times, or written to though it was blank: nothing else is in it. */
static int note_clear(mcuedit_store *store, uint32_t slot, uint32_t erases)
{
    mcuedit_record record;
    mcuedit_journal_begin(store, &record, MCUEDIT_LOG_ERASE, (uint8_t)slot);
    mcuedit_store_state *state = &record.state;
    state->slots[slot].bits = CLEARED;
    state->slots[slot].erases += erases;
    state->last = (uint8_t)slot;
    if ((state->previous >> slot & 1u) != 0) {
        state->previous = 0;
    }
    return mcuedit_journal_append(store, &record);
}

/* The slot that can be missed most easily, of those that are not in use; slot_count if there is none. */
static uint32_t choose_slot(const mcuedit_store *store)
{
    const mcuedit_store_state *state = &store->state;
    uint32_t count = store->config->flash->slot_count, slot = state->last, chosen = count, least = UINT32_MAX;
    uint32_t used = mcuedit_slots_in_use(store);
    for (uint32_t i = 0; i < count; i++) {
        slot = slot + 1 < count ? slot + 1 : 0;
        uint32_t worth = mcuedit_slot_kept(store, slot) + ((uint32_t)state->previous >> slot & 1u) * 4u;
#if MCUEDIT_AUTHORITY
        if (!may_take(store, slot)) {
            continue;
        }
#endif
        if (worth < least && (used >> slot & 1u) == 0) {
            least = worth;
            chosen = slot;
        }
    }
    return chosen;
}

/* Erases `size` bytes of a slot, and whatever is recorded of it first. */
static int clear(mcuedit_store *store, uint32_t slot, uint32_t size)
{
    const mcuedit_flash *flash = store->config->flash;
#if MCUEDIT_AUTHORITY
    size = flash->slot_size; /* all of it: a slot is blank or it is not */
    if (is_blank(store, slot)) {
        return MCUEDIT_OK; /* nothing is worn, nothing written */
    }
    store->open_erases[slot] = (uint8_t)(store->open_erases[slot] + store->open);
    store->open_count = (uint16_t)(store->open_count + store->open);
#endif
    int err = note_clear(store, slot, 1);
#if !MCUEDIT_AUTHORITY
    size = (size + flash->erase_page - 1u) & ~(flash->erase_page - 1u);
#endif
    if (!err && flash->erase(flash->context, mcuedit_slot_offset(store, slot), size)) {
        err = MCUEDIT_E_FLASH;
    }
    return err;
}

int mcuedit_store_begin(mcuedit_store *store, uint32_t size, const uint8_t sha256[32], uint8_t *slot)
{
    const mcuedit_flash *flash = store->config->flash;
    store->upload_size = 0;
    if (size - 1u >= flash->slot_size) {
        return MCUEDIT_E_SIZE;
    }
    store->has_sha256 = sha256 != NULL;
    if (sha256) {
        for (uint8_t i = 0; i < flash->slot_count; i++) {
            uint32_t bits = store->state.slots[i].bits; /* no size: empty */
            if ((bits & MCUEDIT_SLOT_SIZE) == size && is_hash(store, i, size, sha256)) {
                *slot = i;
                return (bits >> MCUEDIT_SLOT_KEPT & 3u) == MCUEDIT_KEPT_REVOKED ? MCUEDIT_E_REVOKED
                                                                                : MCUEDIT_STORE_THERE;
            }
        }
        MCUEDIT_COPY(store->sha256, sha256, sizeof(store->sha256));
    }
    uint32_t chosen = choose_slot(store);
    if (chosen == flash->slot_count) {
#if MCUEDIT_AUTHORITY
        return why_none(store);
#else
        return MCUEDIT_E_FULL;
#endif
    }
    int err = clear(store, chosen, size);
    if (!err) {
        store->upload_size = size;
        store->upload_offset = 0;
        store->upload_slot = *slot = (uint8_t)chosen;
    }
    return err;
}

#if MCUEDIT_AUTHORITY
int mcuedit_store_begin_open(mcuedit_store *store, uint32_t size, const uint8_t sha256[32], uint8_t *slot)
{
    store->open = 1;
    int err = mcuedit_store_begin(store, size, sha256, slot);
    store->open = 0;
    return err;
}
#endif

int mcuedit_store_append(mcuedit_store *store, uint32_t offset, const void *bytes, uint32_t size)
{
    const mcuedit_flash *flash = store->config->flash;
    const uint8_t *from = bytes;
    if (offset != store->upload_offset || size > store->upload_size - offset || store->upload_size == 0) {
        return MCUEDIT_E_STATE;
    }
#if MCUEDIT_AUTHORITY
    bool is_new = size != 0 && store->state.slots[store->upload_slot].bits == 0;
    int err = is_new ? note_clear(store, store->upload_slot, 0) : MCUEDIT_OK;
    if (err) {
        store->upload_size = 0;
        return err;
    }
#endif
    while (size != 0) {
        uint32_t unit = flash->program_unit, fill = offset & (unit - 1u), part = size & ~(unit - 1u);
        const uint8_t *whole = from;
        if (fill != 0 || part == 0) { /* a unit that comes in pieces */
            if (fill == 0) {
                MCUEDIT_FILL(store->unit, 0xFF, sizeof(store->unit));
            }
            store->unit[fill] = *from;
            whole = store->unit;
            part = 1;
        }
        if (((offset + part) & (unit - 1u)) == 0 &&
            flash->program(flash->context, mcuedit_slot_offset(store, store->upload_slot) + offset - fill, whole,
                           part + fill)) {
            store->upload_size = 0;
            return MCUEDIT_E_FLASH;
        }
        offset += part;
        from += part;
        size -= part;
    }
    store->upload_offset = offset;
    return MCUEDIT_OK;
}

/* Programs what is left of the last unit. */
static int finish_unit(const mcuedit_store *store)
{
    const mcuedit_flash *flash = store->config->flash;
    uint32_t size = store->upload_size, fill = size & (flash->program_unit - 1u);
    int failed =
        fill != 0 && flash->program(flash->context, mcuedit_slot_offset(store, store->upload_slot) + size - fill,
                                    store->unit, flash->program_unit);
    return failed || (flash->sync && flash->sync(flash->context)) ? MCUEDIT_E_FLASH : MCUEDIT_OK;
}

static int finish(mcuedit_store *store, uint32_t local, uint8_t *slot)
{
    uint32_t size = store->upload_size, number = store->upload_slot;
    uint32_t bits = size | (uint32_t)MCUEDIT_KEPT_STAGED << MCUEDIT_SLOT_KEPT | local;
    mcuedit_package package;
    mcuedit_adapter adapter;
    const mcuedit_adapter *adapters[] = {&adapter};
    const mcuedit_set set = {adapters, 1};
    mcuedit_record record;
    if (size == 0 || store->upload_offset != size) {
        return MCUEDIT_E_STATE;
    }
    int err = finish_unit(store);
    store->upload_size = 0;
    if (!err && store->has_sha256 && !is_hash(store, number, size, store->sha256)) {
        err = MCUEDIT_E_HASH;
    }
    if (!err) {
        err = mcuedit_slot_check(store, number, bits, &package, &adapter);
    }
    if (!err) {
        err = mcuedit_store_dry_run(store, &set);
    }
    if (err) {
        return err;
    }
    mcuedit_journal_begin(store, &record, local ? MCUEDIT_LOG_LOCAL : MCUEDIT_LOG_STAGE, (uint8_t)number);
    record.state.slots[number].bits = bits;
    if (!local) {
        mcuedit_journal_name(&record, &package);
    }
    *slot = (uint8_t)number;
    return mcuedit_journal_append(store, &record);
}

int mcuedit_store_end(mcuedit_store *store, uint8_t *slot)
{
    return finish(store, 0, slot);
}

int mcuedit_store_stage_local(mcuedit_store *store, const void *adapter, uint32_t size, uint8_t *slot)
{
    if (!store->config->allow_local) {
        return MCUEDIT_E_STATE;
    }
    int err = mcuedit_store_begin(store, size, NULL, slot);
    if (!err) {
        err = mcuedit_store_append(store, 0, adapter, size);
    }
    return err ? err : finish(store, MCUEDIT_SLOT_LOCAL, slot);
}

int mcuedit_store_erase(mcuedit_store *store, uint8_t slot)
{
    const mcuedit_flash *flash = store->config->flash;
    uint32_t fixed = store->state.confirmed | store->state.trial;
    if (slot >= flash->slot_count || (fixed >> slot & 1u) != 0) {
        return MCUEDIT_E_STATE;
    }
    if ((mcuedit_slots_in_use(store) >> slot & 1u) != 0) {
        return MCUEDIT_E_BUSY;
    }
    store->upload_size = 0; /* it may be this one */
    int err = clear(store, slot, flash->slot_size);
#if MCUEDIT_AUTHORITY
    if (!err) {
        store->state.slots[slot].bits = 0; /* blank, as the next record will have it */
    }
#endif
    return err;
}

int mcuedit_store_development(void)
{
#if MCUEDIT_STORE_DEVELOPMENT
    return 1;
#else
    return 0;
#endif
}
