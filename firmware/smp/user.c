/* SPDX-License-Identifier: Apache-2.0 */
/* Group 64: mcuedit's own commands (SPEC.md, section 9). */
#include "authority.h"
#include "slot.h"
#include "teach.h"
#include "../store/journal.h"

#define HASH_SIZE   32u
#define CHAIN_SIZE  8u
#define LOG_RECORDS 5u /* in one response, so that a buffer of 256 bytes holds it */
#define ALL         100u

static mcuedit_store *store_of(const mcuedit_smp_exchange *exchange)
{
    return exchange->smp->config->store;
}

static uint32_t active_mask(const mcuedit_store *store)
{
    return mcuedit_store_mask(store, mcuedit_store_status(store)->in_trial);
}

/* The answer of all that changes the active set. */
static int answer_mask(mcuedit_smp_exchange *exchange, int err)
{
    if (err) {
        return err;
    }
    return mcuedit_smp_done(mcuedit_smp_put_uint(exchange, MCUEDIT_SMP_KEY_MASK, active_mask(store_of(exchange))));
}

static bool put_upload(mcuedit_smp_exchange *exchange)
{
    const mcuedit_store *store = store_of(exchange);
    if (store->upload_size == 0) {
        return true;
    }
    bool ok = mcuedit_smp_put_key(exchange, MCUEDIT_SMP_KEY_UPLOAD) && zcbor_list_start_encode(exchange->out, 2);
    ok = ok && zcbor_uint32_put(exchange->out, store->upload_offset);
    ok = ok && zcbor_uint32_put(exchange->out, store->upload_size);
    return ok && zcbor_list_end_encode(exchange->out, 2);
}

#if !MCUEDIT_AUTHORITY
static
#endif
    bool mcuedit_smp_put_identity(mcuedit_smp_exchange *exchange)
{
    const mcuedit_smp_config *config = exchange->smp->config;
    bool ok = mcuedit_smp_put_bytes(exchange, MCUEDIT_SMP_KEY_BASE, mcuedit_smp_base(config), MCUEDIT_BASE_SIZE);
    return ok && mcuedit_smp_put_text(exchange, MCUEDIT_SMP_KEY_ID, config->id, mcuedit_smp_length(config->id));
}

static int device_status(mcuedit_smp_exchange *exchange)
{
    const mcuedit_smp_config *config = exchange->smp->config;
    const mcuedit_store *store = config->store;
    const mcuedit_store_state *state = mcuedit_store_status(store);
    const mcuedit_flash *flash = store->config->flash;
    bool ok = mcuedit_smp_put_identity(exchange);
    ok = ok && mcuedit_smp_put_uint(exchange, MCUEDIT_SMP_KEY_MINIMUM_COUNTER, state->minimum_counter);
    ok = ok && mcuedit_smp_put_uint(exchange, MCUEDIT_SMP_KEY_SLOTS, flash->slot_count);
    ok = ok && mcuedit_smp_put_uint(exchange, MCUEDIT_SMP_KEY_SLOT_SIZE, flash->slot_size);
    ok = ok && mcuedit_smp_put_uint(exchange, MCUEDIT_SMP_KEY_MASK, active_mask(store));
    ok = ok && mcuedit_smp_put_uint(exchange, MCUEDIT_SMP_KEY_GOOD, state->confirmed);
    ok = ok && mcuedit_smp_put_uint(exchange, MCUEDIT_SMP_KEY_TRIAL, state->trial);
    ok = ok && mcuedit_smp_put_bool(exchange, MCUEDIT_SMP_KEY_IN_TRIAL, state->in_trial != 0);
    ok = ok && mcuedit_smp_put_uint(exchange, MCUEDIT_SMP_KEY_BOOTS, state->in_trial ? state->boots : 0);
    ok = ok && mcuedit_smp_put_uint(exchange, MCUEDIT_SMP_KEY_SHARE, state->in_trial ? state->share : 0);
    ok = ok && mcuedit_smp_put_bool(exchange, MCUEDIT_SMP_KEY_DEVELOPMENT, mcuedit_store_development() != 0);
    ok = ok && mcuedit_smp_put_uint(exchange, MCUEDIT_SMP_KEY_LOG, state->sequence);
    ok = ok && mcuedit_smp_put_bytes(exchange, MCUEDIT_SMP_KEY_HEAD, state->chain, CHAIN_SIZE);
    ok = ok && mcuedit_smp_put_uint(exchange, MCUEDIT_SMP_KEY_ERASES, state->pages);
#if MCUEDIT_AUTHORITY
    ok = ok && mcuedit_smp_put_uint(exchange, MCUEDIT_SMP_KEY_OPEN_ERASES, store->open_count);
#endif
#if MCUEDIT_ROOTS
    ok = ok && mcuedit_smp_put_uint(exchange, MCUEDIT_SMP_KEY_REVOCATION, state->revocation);
    ok = ok && mcuedit_smp_put_bytes(exchange, MCUEDIT_SMP_KEY_REVOKED, state->revoked,
                                     (uint32_t)state->revoked_count * MCUEDIT_KEY_ID);
#endif
    ok = ok && (!store->damage || mcuedit_smp_put_uint(exchange, MCUEDIT_SMP_KEY_DAMAGE, (uint32_t)-store->damage));
    return mcuedit_smp_done(ok && put_upload(exchange));
}

static int slot_status(mcuedit_smp_exchange *exchange, uint32_t slot)
{
    mcuedit_smp_slot view;
    int err = mcuedit_smp_read_slot(store_of(exchange), slot, &view);
    if (err) {
        return err;
    }
    bool ok = mcuedit_smp_put_uint(exchange, MCUEDIT_SMP_KEY_SLOT, slot);
    ok = ok && mcuedit_smp_put_uint(exchange, MCUEDIT_SMP_KEY_STATE, (uint32_t)view.info.state);
    ok = ok && mcuedit_smp_put_uint(exchange, MCUEDIT_SMP_KEY_ERASES, view.info.erases);
    if (ok && view.info.state != MCUEDIT_SLOT_EMPTY) {
        ok = mcuedit_smp_put_uint(exchange, MCUEDIT_SMP_KEY_SIZE, view.info.size);
#if MCUEDIT_AUTHORITY || MCUEDIT_TEACHING
        ok = ok && mcuedit_smp_put_bool(exchange, MCUEDIT_SMP_KEY_LEARNED, view.info.local != 0);
#endif
    }
    if (ok && view.is_package) {
        const mcuedit_package *package = &view.package;
        char version[MCUEDIT_SMP_VERSION_MAX];
        ok = mcuedit_smp_put_text(exchange, MCUEDIT_SMP_KEY_NAME, (const char *)package->name, package->name_length);
        ok = ok && mcuedit_smp_put_text(exchange, MCUEDIT_SMP_KEY_PACKAGE_VERSION, version,
                                        mcuedit_smp_version(package, '+', version));
        ok = ok && mcuedit_smp_put_uint(exchange, MCUEDIT_SMP_KEY_COUNTER, package->counter);
        ok = ok && mcuedit_smp_put_bytes(exchange, MCUEDIT_SMP_KEY_HASH, package->digest, HASH_SIZE);
        ok = ok && mcuedit_smp_put_bytes(exchange, MCUEDIT_SMP_KEY_KEY, package->key_hash, HASH_SIZE);
    }
    return mcuedit_smp_done(ok);
}

static int status(mcuedit_smp_exchange *exchange)
{
    uint32_t slot;
    mcuedit_smp_field field = {MCUEDIT_SMP_KEY_SLOT, MCUEDIT_SMP_UINT, &slot, false};
    int err = mcuedit_smp_fields(exchange, &field, 1);
    if (err) {
        return err;
    }
    return field.present ? slot_status(exchange, slot) : device_status(exchange);
}

/* A trial; by MCUEDIT_SMP_COMMAND_AUTHORITY one that may go back to packages of the counter that it names. */
static int activate(mcuedit_smp_exchange *exchange)
{
    mcuedit_store *store = store_of(exchange);
    uint32_t mask, log, boots = exchange->smp->config->boots, share = ALL;
#if MCUEDIT_AUTHORITY
    uint32_t least = mcuedit_store_status(store)->minimum_counter;
    bool goes_back = exchange->body[-1] == MCUEDIT_SMP_COMMAND_AUTHORITY; /* the header's last byte */
#endif
    mcuedit_smp_field fields[] = {
        {MCUEDIT_SMP_KEY_MASK, MCUEDIT_SMP_UINT, &mask, false},
        {MCUEDIT_SMP_KEY_BOOTS, MCUEDIT_SMP_UINT, &boots, false},
        {MCUEDIT_SMP_KEY_SHARE, MCUEDIT_SMP_UINT, &share, false},
        {MCUEDIT_SMP_KEY_LOG, MCUEDIT_SMP_UINT, &log, false},
#if MCUEDIT_AUTHORITY
        {MCUEDIT_SMP_KEY_COUNTER, MCUEDIT_SMP_UINT, &least, false},
#endif
    };
#if MCUEDIT_AUTHORITY
    int err = mcuedit_smp_fields(exchange, fields, goes_back ? 5 : 4);
#else
    int err = mcuedit_smp_fields(exchange, fields, sizeof(fields) / sizeof(fields[0]));
#endif
    if (err || !fields[0].present) {
        return MCUEDIT_SMP_INVALID;
    }
    if (mask > UINT16_MAX || boots > UINT8_MAX || share < 1 || share > ALL) {
        return MCUEDIT_E_FIELD;
    }
    err = mcuedit_smp_check_log(exchange, &fields[3]);
    if (err) {
        return err;
    }
#if MCUEDIT_AUTHORITY
    err = mcuedit_store_reactivate(store, (uint16_t)mask, least, (uint8_t)boots, (uint8_t)share);
#else
    err = mcuedit_store_activate(store, (uint16_t)mask, (uint8_t)boots, (uint8_t)share);
#endif
    return answer_mask(exchange, err);
}

/* Confirm and roll back have no field but the log's. */
static int change(mcuedit_smp_exchange *exchange, int (*carry_out)(mcuedit_store *store))
{
    uint32_t log;
    mcuedit_smp_field field = {MCUEDIT_SMP_KEY_LOG, MCUEDIT_SMP_UINT, &log, false};
    int err = mcuedit_smp_fields(exchange, &field, 1);
    err = err ? err : mcuedit_smp_check_log(exchange, &field);
    return answer_mask(exchange, err ? err : carry_out(store_of(exchange)));
}

static int confirm(mcuedit_smp_exchange *exchange)
{
    return change(exchange, mcuedit_store_confirm);
}

static int rollback(mcuedit_smp_exchange *exchange)
{
    return change(exchange, mcuedit_store_rollback);
}

static bool put_pair(mcuedit_smp_exchange *exchange, const char *key, const uint32_t values[2])
{
    bool ok = mcuedit_smp_put_key(exchange, key) && zcbor_list_start_encode(exchange->out, 2);
    ok = ok && zcbor_uint32_put(exchange->out, values[0]) && zcbor_uint32_put(exchange->out, values[1]);
    return ok && zcbor_list_end_encode(exchange->out, 2);
}

static int arms(mcuedit_smp_exchange *exchange)
{
    const mcuedit_store *store = store_of(exchange);
    bool ok = put_pair(exchange, MCUEDIT_SMP_KEY_RUNS, store->counts.runs);
    ok = ok && put_pair(exchange, MCUEDIT_SMP_KEY_GOOD, store->counts.good);
    return mcuedit_smp_done(ok && put_pair(exchange, MCUEDIT_SMP_KEY_BAD, store->counts.bad));
}

static int outcome(mcuedit_smp_exchange *exchange)
{
    uint32_t arm;
    bool good;
    mcuedit_smp_field fields[] = {
        {MCUEDIT_SMP_KEY_ARM, MCUEDIT_SMP_UINT, &arm, false},
        {MCUEDIT_SMP_KEY_GOOD, MCUEDIT_SMP_BOOL, &good, false},
    };
    int err = mcuedit_smp_fields(exchange, fields, sizeof(fields) / sizeof(fields[0]));
    if (err || !fields[0].present || !fields[1].present) {
        return MCUEDIT_SMP_INVALID;
    }
    if (arm > 1) {
        return MCUEDIT_E_FIELD;
    }
    mcuedit_store_outcome(store_of(exchange), (uint8_t)arm, good ? 1 : 0);
    return MCUEDIT_OK;
}

static uint32_t sequence_of(const uint8_t *record)
{
    record += RECORD_SEQUENCE;
    return (uint32_t)record[0] | (uint32_t)record[1] << 8 | (uint32_t)record[2] << 16 | (uint32_t)record[3] << 24;
}

static int log_records(mcuedit_smp_exchange *exchange)
{
    const mcuedit_store *store = store_of(exchange);
    uint8_t records[LOG_RECORDS * MCUEDIT_RECORD_SIZE], before[CHAIN_SIZE];
    uint32_t from = 0, next = mcuedit_store_status(store)->sequence, size = 0;
    mcuedit_smp_field field = {MCUEDIT_SMP_KEY_START, MCUEDIT_SMP_UINT, &from, false};
    int err = mcuedit_smp_fields(exchange, &field, 1);
    if (err) {
        return err;
    }
    uint32_t first = mcuedit_store_log(store, 0, records, NULL) ? sequence_of(records) : next;
    for (uint32_t at = from; size < sizeof(records); size += MCUEDIT_RECORD_SIZE) {
        if (!mcuedit_store_log(store, at, records + size, size == 0 ? before : NULL)) {
            break;
        }
        at = sequence_of(records + size) + 1;
    }
    bool ok = mcuedit_smp_put_uint(exchange, MCUEDIT_SMP_KEY_FIRST, first);
    ok = ok && mcuedit_smp_put_uint(exchange, MCUEDIT_SMP_KEY_NEXT, next);
    ok = ok && mcuedit_smp_put_uint(exchange, MCUEDIT_SMP_KEY_AT, size > 0 ? sequence_of(records) : next);
    ok = ok && (size == 0 || mcuedit_smp_put_bytes(exchange, MCUEDIT_SMP_KEY_BEFORE, before, CHAIN_SIZE));
    return mcuedit_smp_done(ok && mcuedit_smp_put_bytes(exchange, MCUEDIT_SMP_KEY_LOG, records, size));
}

static int change_slot(mcuedit_smp_exchange *exchange)
{
    uint32_t slot, log;
    bool erase = false;
    mcuedit_smp_field fields[] = {
        {MCUEDIT_SMP_KEY_SLOT, MCUEDIT_SMP_UINT, &slot, false},
        {MCUEDIT_SMP_KEY_ERASE, MCUEDIT_SMP_BOOL, &erase, false},
        {MCUEDIT_SMP_KEY_LOG, MCUEDIT_SMP_UINT, &log, false},
    };
    int err = mcuedit_smp_fields(exchange, fields, sizeof(fields) / sizeof(fields[0]));
    if (err || !fields[0].present) {
        return MCUEDIT_SMP_INVALID;
    }
    mcuedit_store *store = store_of(exchange);
    mcuedit_smp_slot view;
    err = mcuedit_smp_check_log(exchange, &fields[2]);
    err = err ? err : mcuedit_smp_read_slot(store, slot, &view);
    if (err) {
        return err;
    }
    err = erase ? mcuedit_store_erase(store, (uint8_t)slot) : mcuedit_store_revoke(store, (uint8_t)slot);
    return err ? err : slot_status(exchange, slot);
}

static int run(mcuedit_smp_exchange *exchange)
{
    const mcuedit_smp_config *config = exchange->smp->config;
    struct zcbor_string input, text, who;
    bool out = false;
    mcuedit_smp_field fields[] = {
        {MCUEDIT_SMP_KEY_TENSOR, MCUEDIT_SMP_BYTES, &input, false},
        {MCUEDIT_SMP_KEY_TEXT, MCUEDIT_SMP_TEXT, &text, false},
        {MCUEDIT_SMP_KEY_WHO, MCUEDIT_SMP_TEXT, &who, false},
        {MCUEDIT_SMP_KEY_OUTPUT, MCUEDIT_SMP_BOOL, &out, false},
    };
    if (config->infer == NULL) {
        return MCUEDIT_SMP_UNSUPPORTED;
    }
    int err = mcuedit_smp_fields(exchange, fields, sizeof(fields) / sizeof(fields[0]));
    bool is_text = fields[1].present, has_who = fields[2].present;
    if (err || is_text == fields[0].present) {
        return MCUEDIT_SMP_INVALID;
    }
    const struct zcbor_string *given = is_text ? &text : &input;
    mcuedit_smp_inference inference = {
        .input = given->value,
        .input_size = (uint32_t)given->len,
        .who = has_who ? who.value : NULL,
        .who_size = has_who ? (uint32_t)who.len : 0,
        .is_text = is_text,
    };
    err = config->infer(config->context, &inference);
    if (err) {
        return err;
    }
    bool ok = mcuedit_smp_put_uint(exchange, MCUEDIT_SMP_KEY_ANSWER, inference.answer);
    ok = ok && mcuedit_smp_put_uint(exchange, MCUEDIT_SMP_KEY_ARM, inference.arm);
    if (ok && inference.label != NULL) {
        ok = mcuedit_smp_put_text(exchange, MCUEDIT_SMP_KEY_LABEL, inference.label, inference.label_length);
    }
    return mcuedit_smp_done(ok && (!out || mcuedit_smp_put_bytes(exchange, MCUEDIT_SMP_KEY_OUTPUT, inference.output,
                                                                 inference.output_size)));
}

static int tell(mcuedit_smp_exchange *exchange)
{
    const mcuedit_smp_config *config = exchange->smp->config;
    struct zcbor_string input, text;
    uint32_t wanted = 0;
    bool right = false;
    mcuedit_smp_field fields[] = {
        {MCUEDIT_SMP_KEY_TENSOR, MCUEDIT_SMP_BYTES, &input, false},
        {MCUEDIT_SMP_KEY_TEXT, MCUEDIT_SMP_TEXT, &text, false},
        {MCUEDIT_SMP_KEY_CLASS, MCUEDIT_SMP_UINT, &wanted, false},
        {MCUEDIT_SMP_KEY_RIGHT, MCUEDIT_SMP_BOOL, &right, false},
    };
    if (config->tell == NULL) {
        return MCUEDIT_SMP_UNSUPPORTED;
    }
    int err = mcuedit_smp_fields(exchange, fields, sizeof(fields) / sizeof(fields[0]));
    bool is_text = fields[1].present;
    if (err || is_text == fields[0].present || right == fields[2].present) {
        return MCUEDIT_SMP_INVALID;
    }
    if (wanted > UINT16_MAX) {
        return MCUEDIT_E_CLASS;
    }
    const struct zcbor_string *given = is_text ? &text : &input;
    const mcuedit_smp_inference inference = {
        .input = given->value, .input_size = (uint32_t)given->len, .is_text = is_text};
    return config->tell(config->context, &inference, right ? -1 : (int32_t)wanted);
}

#if MCUEDIT_ROOTS
static int revoke_keys(mcuedit_smp_exchange *exchange)
{
    struct zcbor_string list;
    mcuedit_smp_field field = {MCUEDIT_SMP_KEY_KEYS, MCUEDIT_SMP_BYTES, &list, false};
    int err = mcuedit_smp_fields(exchange, &field, 1);
    if (err || !field.present) {
        return MCUEDIT_SMP_INVALID;
    }
    mcuedit_store *store = store_of(exchange);
    err = mcuedit_store_revoke_keys(store, list.value, (uint32_t)list.len);
    return err ? err
               : mcuedit_smp_done(mcuedit_smp_put_uint(exchange, MCUEDIT_SMP_KEY_REVOCATION,
                                                       mcuedit_store_status(store)->revocation));
}
#endif

const mcuedit_smp_command mcuedit_smp_user[] = {
    [MCUEDIT_SMP_COMMAND_STATUS] = {.read = status},
    [MCUEDIT_SMP_COMMAND_ACTIVATE] = {.write = activate},
    [MCUEDIT_SMP_COMMAND_CONFIRM] = {.write = confirm},
    [MCUEDIT_SMP_COMMAND_ROLLBACK] = {.write = rollback},
    [MCUEDIT_SMP_COMMAND_ARMS] = {.read = arms, .write = outcome},
    [MCUEDIT_SMP_COMMAND_LOG] = {.read = log_records},
    [MCUEDIT_SMP_COMMAND_SLOT] = {.write = change_slot},
    [MCUEDIT_SMP_COMMAND_TELL] = {.write = tell},
    [MCUEDIT_SMP_COMMAND_RUN] = {.write = run},
#if MCUEDIT_AUTHORITY
    [MCUEDIT_SMP_COMMAND_AUTHORITY] = {.read = mcuedit_smp_tell_nonce, .write = activate},
#endif
#if MCUEDIT_IDENTITY
    [MCUEDIT_SMP_COMMAND_IDENTITY] = {.read = mcuedit_smp_tell_identity},
#endif
#if MCUEDIT_TEACHING
    [MCUEDIT_SMP_COMMAND_TRAIN] = {.read = mcuedit_smp_training_state, .write = mcuedit_smp_train},
    [MCUEDIT_SMP_COMMAND_ADOPT] = {.write = mcuedit_smp_adopt},
    [MCUEDIT_SMP_COMMAND_FORGET] = {.write = mcuedit_smp_forget},
#endif
#if MCUEDIT_ROOTS
    [MCUEDIT_SMP_COMMAND_REVOKE] = {.write = revoke_keys},
#endif
};
const uint8_t mcuedit_smp_user_count = sizeof(mcuedit_smp_user) / sizeof(mcuedit_smp_user[0]);

#if MCUEDIT_AUTHORITY
const uint8_t mcuedit_smp_user_asks[] = {
    [MCUEDIT_SMP_COMMAND_ACTIVATE] = MCUEDIT_ASKS_ACTIVATE, [MCUEDIT_SMP_COMMAND_CONFIRM] = MCUEDIT_ASKS_CONFIRM,
    [MCUEDIT_SMP_COMMAND_ROLLBACK] = MCUEDIT_ASKS_ROLLBACK, [MCUEDIT_SMP_COMMAND_ARMS] = MCUEDIT_ASKS_OUTCOME,
    [MCUEDIT_SMP_COMMAND_SLOT] = MCUEDIT_ASKS_DROP,         [MCUEDIT_SMP_COMMAND_TELL] = MCUEDIT_ASKS_TELL,
    [MCUEDIT_SMP_COMMAND_RUN] = MCUEDIT_ASKS_RUN,           [MCUEDIT_SMP_COMMAND_AUTHORITY] = MCUEDIT_ASKS_REACTIVATE,
#if MCUEDIT_IDENTITY
    [MCUEDIT_SMP_COMMAND_IDENTITY] = MCUEDIT_ASKS_NOBODY,
#endif
#if MCUEDIT_TEACHING
    [MCUEDIT_SMP_COMMAND_TRAIN] = MCUEDIT_ASKS_TELL,        [MCUEDIT_SMP_COMMAND_ADOPT] = MCUEDIT_ASKS_ACTIVATE,
    [MCUEDIT_SMP_COMMAND_FORGET] = MCUEDIT_ASKS_TELL,
#endif
#if MCUEDIT_ROOTS
    [MCUEDIT_SMP_COMMAND_REVOKE] = MCUEDIT_ASKS_ALWAYS, /* it is signed by more than an operator */
#endif
};
MCUEDIT_STATIC_ASSERT(sizeof(mcuedit_smp_user_asks) == sizeof(mcuedit_smp_user) / sizeof(mcuedit_smp_user[0]),
                      every_command_has_a_class);
#endif
