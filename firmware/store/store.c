/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which sets there are, and how one becomes another. A change is prepared in memory that no inference can reach, then
 * written to the journal, and last made visible by one pointer.
 */
#include <stdbool.h>
#include <stddef.h>

#include "journal.h"

/* A set points to the adapters of views, and to sets of stores: both are cast back. */
MCUEDIT_STATIC_ASSERT(offsetof(mcuedit_store_view, adapter) == 0, a_view_begins_with_its_adapter);
MCUEDIT_STATIC_ASSERT(offsetof(mcuedit_store_set, set) == 0, a_set_of_a_store_begins_with_the_set);

uint32_t mcuedit_slots_in_use(const mcuedit_store *store)
{
    const mcuedit_store_set *picked = store->picked;
    uint32_t running = picked ? picked->mask : 0u, kept = store->state.confirmed | (uint32_t)store->state.trial;
    return running | kept | mcuedit_store_mask(store, 0) | mcuedit_store_mask(store, 1);
}

int mcuedit_store_dry_run(const mcuedit_store *store, const mcuedit_set *set)
{
    const mcuedit_store_config *config = store->config;
    mcuedit_context scratch = *config->active;
    int err = mcuedit_context_set(&scratch, set);
    return err || !config->prepare ? err : config->prepare(config->context, set);
}

/* The view of a slot, or one that may become it: of none in `taken`. NULL if there is none. */
static mcuedit_store_view *find_view(mcuedit_store *store, uint32_t bit, uint32_t taken)
{
    mcuedit_store_view *found = NULL;
    for (mcuedit_store_view *view = store->views; view != store->views + MCUEDIT_STORE_VIEWS; view++) {
        if (view->mask == bit) {
            return view;
        }
        if ((view->mask & taken) == 0) {
            found = view;
        }
    }
    return found;
}

/* Checks a slot and adds its view to `set`, whose mask holds all slots that it will have. */
static int add_slot(mcuedit_store *store, mcuedit_store_set *set, uint32_t slot, mcuedit_record *record)
{
    uint32_t kept = mcuedit_slot_kept(store, slot);
    if (kept < MCUEDIT_KEPT_STAGED) {
        return kept == MCUEDIT_KEPT_REVOKED ? MCUEDIT_E_REVOKED : MCUEDIT_E_STATE;
    }
    mcuedit_store_view *view = find_view(store, 1u << slot, mcuedit_slots_in_use(store) | set->mask);
    if (!view) {
        return MCUEDIT_E_FULL;
    }
    mcuedit_package package; /* a view that is in use is opened again in place: nothing in it changes */
    int err = mcuedit_slot_check(store, slot, store->state.slots[slot].bits, &package, &view->adapter);
    if (err) {
        return err;
    }
    for (uint32_t i = 0; package.name && i < set->set.count; i++) {
        const uint8_t *other = ((const mcuedit_store_view *)set->adapters[i])->name;
        if (other && MCUEDIT_COMPARE(package.name, other, package.name_length + 1u) == 0) {
            return MCUEDIT_E_NAME;
        }
    }
    if (package.counter > record->counter) {
        mcuedit_journal_name(record, &package);
    }
    view->name = package.name;
    view->self_test = kept == MCUEDIT_KEPT_STAGED ? package.self_test : NULL;
    view->mask = (uint16_t)(1u << slot);
    set->adapters[set->set.count++] = &view->adapter;
    return MCUEDIT_OK;
}

/*
 * Prepares the set of `mask`, in a place that is not in use. `record` gets the highest counter above the minimum, else
 * the minimum, and key and digest that go with it.
 */
static int prepare(mcuedit_store *store, uint32_t mask, const mcuedit_store_set **prepared, mcuedit_record *record)
{
    *prepared = NULL;
    record->counter = store->state.minimum_counter;
    if (mask == 0) {
        return MCUEDIT_OK;
    }
    mcuedit_store_set *set = store->sets;
    while (set == store->arms[0] || set == store->arms[1] || set == store->picked) {
        if (++set == store->sets + 3) {
            return MCUEDIT_E_BUSY;
        }
    }
    set->set.adapters = set->adapters;
    set->set.count = 0;
    set->mask = (uint16_t)mask;
    int err = MCUEDIT_OK;
    for (uint32_t slot = 0; !err && mask >> slot != 0; slot++) {
        err = (mask >> slot & 1u) == 0 ? MCUEDIT_OK : add_slot(store, set, slot, record);
    }
    if (!err) {
        err = mcuedit_store_dry_run(store, &set->set);
    }
    if (!err) {
        *prepared = set;
    }
    return err;
}

/* Writes `record`; then `confirmed` is in force, and without a trial everywhere. */
static int commit(mcuedit_store *store, mcuedit_record *record, const mcuedit_store_set *confirmed)
{
    int err = mcuedit_journal_append(store, record);
    if (!err) {
        store->arms[0] = confirmed;
        if (!store->state.in_trial) {
            store->arms[1] = confirmed;
        }
    }
    return err;
}

/* What was new in the trial is MCUEDIT_KEPT_REVOKED or _PROVEN. */
static void end_trial(mcuedit_store_state *state, uint32_t kept)
{
    mcuedit_slots_become(state, state->trial, kept);
    state->trial = 0;
    state->in_trial = 0;
    state->boots = 0;
}

/* The trial goes on for another boot, or ends. */
static int boot_trial(mcuedit_store *store, mcuedit_record *record)
{
    const mcuedit_store_set *trial = NULL;
    mcuedit_journal_begin(store, record, MCUEDIT_LOG_EXPIRED, MCUEDIT_NO_SLOT);
    if (record->state.boots != 0) {
        bool damaged = prepare(store, record->state.trial, &trial, record) != MCUEDIT_OK;
        record->event = damaged ? MCUEDIT_LOG_DAMAGED : MCUEDIT_LOG_BOOT;
    }
    record->mask = record->state.trial;
    if (record->event == MCUEDIT_LOG_BOOT) {
        record->state.boots--;
    } else {
        end_trial(&record->state, MCUEDIT_KEPT_REVOKED);
        trial = store->arms[0];
    }
    int err = mcuedit_journal_append(store, record);
    if (!err) {
        store->arms[1] = trial;
    }
    return err;
}

int mcuedit_store_open(mcuedit_store *store, const mcuedit_store_config *config)
{
    const mcuedit_flash *flash = config->flash;
    const mcuedit_store_set *confirmed;
    mcuedit_record record;
    *store = (mcuedit_store){.config = config};
    if (flash->program_unit - 1u >= sizeof(store->unit) || flash->slot_count > MCUEDIT_STORE_SLOTS ||
        flash->journal_pages < 2) {
        return MCUEDIT_E_FIELD;
    }
    store->page = flash->erase_page < MCUEDIT_JOURNAL_PAGE ? MCUEDIT_JOURNAL_PAGE : flash->erase_page;
    store->end = store->page * flash->journal_pages;
    mcuedit_journal_open(store);
    int err = prepare(store, store->state.confirmed, &confirmed, &record);
    store->damage = (int8_t)err;
    if (err) {
        prepare(store, store->state.previous, &confirmed, &record);
    }
    store->arms[0] = store->arms[1] = confirmed;
    return store->state.in_trial ? boot_trial(store, &record) : MCUEDIT_OK;
}

static int run_self_test(const mcuedit_store_config *config, const mcuedit_set *set)
{
    mcuedit_package package;
    mcuedit_self_test_case test;
    int err = MCUEDIT_OK;
    const mcuedit_set *running = config->active->next;
    config->active->next = set;
    for (uint32_t i = 0; i < set->count; i++) {
        package.self_test = ((const mcuedit_store_view *)set->adapters[i])->self_test;
        for (uint8_t k = 0; !err && package.self_test && mcuedit_self_test_read(&package, k, &test) == 1; k++) {
            err = config->ask(config->context, &test) == test.answer ? MCUEDIT_OK : MCUEDIT_E_SELF_TEST;
        }
    }
    config->active->next = running;
    return err;
}

#if MCUEDIT_AUTHORITY
/* What was learned here leaves for a package that was signed and is new: it neither contradicts it nor is kept by it.
 */
static uint16_t outranked(const mcuedit_store *store, uint32_t mask)
{
    uint32_t local = 0, fresh = 0;
    for (uint32_t slot = 0; mask >> slot != 0 && slot < MCUEDIT_STORE_SLOTS; slot++) {
        uint32_t bit = mask & 1u << slot, kind = store->state.slots[slot].bits >> MCUEDIT_SLOT_KEPT;
        if (kind >> (31 - MCUEDIT_SLOT_KEPT) != 0) {
            local |= bit;
        } else if ((kind & 3u) == MCUEDIT_KEPT_STAGED) {
            fresh |= bit;
        }
    }
    return (uint16_t)(fresh != 0 ? mask & ~local : mask);
}
#endif

#if MCUEDIT_AUTHORITY
int mcuedit_store_reactivate(mcuedit_store *store, uint16_t mask, uint32_t least, uint8_t boots, uint8_t share)
#else
int mcuedit_store_activate(mcuedit_store *store, uint16_t mask, uint8_t boots, uint8_t share)
#endif
{
    const mcuedit_store_set *set;
    mcuedit_record record;
#if MCUEDIT_AUTHORITY
    mask = outranked(store, mask);
#endif
    mcuedit_journal_begin(store, &record, MCUEDIT_LOG_TRIAL, MCUEDIT_NO_SLOT);
    mcuedit_store_state *state = &record.state;
    if (mask == (state->in_trial ? state->trial : state->confirmed) && mask == mcuedit_store_mask(store, 1)) {
        return MCUEDIT_OK;
    }
#if MCUEDIT_AUTHORITY
    store->least = least;
#endif
    int err = prepare(store, mask, &set, &record);
#if MCUEDIT_AUTHORITY
    store->least = 0;
#endif
    if (err) {
        return err;
    }
    record.mask = mask;
    state->minimum_counter = record.counter;
    int refused = set && store->config->ask ? run_self_test(store->config, &set->set) : MCUEDIT_OK;
    if (refused) {
        record.event = MCUEDIT_LOG_SELF_TEST;
        mcuedit_slots_become(state, mask & ~(uint32_t)state->trial, MCUEDIT_KEPT_REVOKED);
    } else {
        state->trial &= (uint16_t)~mask;
        end_trial(state, MCUEDIT_KEPT_REVOKED);
        state->trial = mask;
        state->in_trial = 1;
        state->boots = boots;
        state->share = share;
    }
    err = mcuedit_journal_append(store, &record);
    if (refused) {
        return refused;
    }
    if (!err || !set) {
        store->arms[1] = set;
        store->counts = (mcuedit_store_counts){{0}, {0}, {0}};
    }
    return err;
}

#if MCUEDIT_ROOTS
/* Was the key of one of these packages revoked since they were activated? */
static bool has_revoked(const mcuedit_store *store, uint32_t mask)
{
    mcuedit_slot_info info;
    mcuedit_package package;
    for (uint8_t slot = 0; mask >> slot != 0; slot++) {
        if ((mask >> slot & 1u) != 0 && !mcuedit_store_slot_info(store, slot, &info) && !info.local &&
            !mcuedit_package_parse(&package, info.bytes, info.size) &&
            mcuedit_key_is_revoked(store, package.key_hash)) {
            return true;
        }
    }
    return false;
}
#endif

int mcuedit_store_confirm(mcuedit_store *store)
{
    mcuedit_record record;
    mcuedit_journal_begin(store, &record, MCUEDIT_LOG_CONFIRM, MCUEDIT_NO_SLOT);
    mcuedit_store_state *state = &record.state;
    if (!state->in_trial) {
        return MCUEDIT_E_STATE;
    }
#if MCUEDIT_ROOTS
    if (has_revoked(store, state->trial)) {
        return MCUEDIT_E_REVOKED;
    }
#endif
    record.mask = state->trial;
    if (state->confirmed != state->trial) {
        state->previous = state->confirmed;
    }
    state->confirmed = state->trial;
    end_trial(state, MCUEDIT_KEPT_PROVEN);
    return commit(store, &record, store->arms[1]);
}

int mcuedit_store_rollback(mcuedit_store *store)
{
    const mcuedit_store_set *set = store->arms[0];
    mcuedit_record record;
    mcuedit_journal_begin(store, &record, MCUEDIT_LOG_ROLLBACK, MCUEDIT_NO_SLOT);
    mcuedit_store_state *state = &record.state;
    record.mask = state->trial;
    if (state->in_trial) {
        end_trial(state, MCUEDIT_KEPT_REVOKED);
    } else {
        if (state->confirmed == state->previous) {
            return MCUEDIT_E_STATE;
        }
        int err = prepare(store, state->previous, &set, &record);
        if (err) {
            return err;
        }
        record.mask = state->confirmed;
        state->confirmed = state->previous;
        state->previous = 0;
    }
    return commit(store, &record, set);
}

int mcuedit_store_revoke(mcuedit_store *store, uint8_t slot)
{
    const mcuedit_store_set *set = store->arms[0];
    mcuedit_record record;
    mcuedit_journal_begin(store, &record, MCUEDIT_LOG_REVOKE, slot);
    mcuedit_store_state *state = &record.state;
    uint32_t kept = mcuedit_slot_kept(store, slot), bit = 1u << (slot & 31u);
    if (kept < MCUEDIT_KEPT_STAGED) {
        return kept == MCUEDIT_KEPT_REVOKED ? MCUEDIT_OK : MCUEDIT_E_STATE;
    }
    state->slots[slot].bits -= (kept - MCUEDIT_KEPT_REVOKED) << MCUEDIT_SLOT_KEPT;
    if ((state->trial & bit) != 0) {
        end_trial(state, MCUEDIT_KEPT_REVOKED);
    }
    if ((state->confirmed & bit) != 0) {
        state->confirmed = 0;
        set = NULL;
    }
    if (((state->previous | store->state.confirmed) & bit) != 0) {
        state->previous = 0;
    }
    return commit(store, &record, set);
}

uint8_t mcuedit_store_pick(mcuedit_store *store, uint8_t arm)
{
    const mcuedit_store_set *set;
    arm = arm && store->state.in_trial;
    do { /* until what is seen to be in use is what is in force: the receiver may come in between */
        set = store->arms[arm];
        store->picked = set;
    } while (set != store->arms[arm]);
    store->config->active->next = set ? &set->set : NULL;
    store->counts.runs[arm]++;
    return arm;
}
