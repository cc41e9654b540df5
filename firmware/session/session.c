/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuedit/session.h"

#include <stdbool.h>
#include <stddef.h>

#include "../core/bytes.h"
#include "../core/crc32.h"
#include "../store/journal.h"
#include "../train/gate.h"

enum { ALL = 100 };

/* A workspace goes on only beside the base and the samples that it began with. */
static uint32_t key_of(const mcuedit_train_gate *gate)
{
    const mcuedit_train_statistics *statistics = gate->statistics;
    uint32_t n = gate->base->ops[gate->tap].n_in;
    uint32_t key = mcuedit_crc32(0, gate->base->sha256, sizeof(gate->base->sha256));
    key = mcuedit_crc32(key, (const uint8_t *)statistics->centre, n);
    return mcuedit_crc32(key, (const uint8_t *)statistics->samples, n * statistics->sample_count);
}

static int forget(mcuedit_session *session)
{
    const mcuedit_session_config *config = session->config;
    mcuedit_train_forget(config->workspace, config->workspace_size);
    session->saved = 0;
    return mcuedit_train_init(config->gate, config->workspace, config->workspace_size, config->seed);
}

static int clear(const mcuedit_session *session)
{
    const mcuedit_checkpoint *checkpoint = session->config->checkpoint;
    return checkpoint != NULL ? mcuedit_checkpoint_clear(checkpoint) : MCUEDIT_OK;
}

static int save(mcuedit_session *session)
{
    const mcuedit_session_config *config = session->config;
    session->saved = session->config->workspace->step;
    if (config->checkpoint == NULL) {
        return MCUEDIT_OK;
    }
    uint32_t tag = mcuedit_store_status(config->store)->sequence;
    return mcuedit_checkpoint_save(config->checkpoint, session->key, tag, config->workspace,
                                   session->config->workspace->size);
}

/* Whether an adapter that was made here went into a trial since the log's record `from`. */
static bool was_adopted(const mcuedit_store *store, uint32_t from)
{
    MCUEDIT_ALIGNED(4) uint8_t record[MCUEDIT_RECORD_SIZE];
    uint32_t staged = 0;
    while (mcuedit_store_log(store, from, record, NULL)) {
        if (record[RECORD_EVENT] == MCUEDIT_LOG_TRIAL && (staged & mcuedit_u16(record + RECORD_MASK)) != 0) {
            return true;
        }
        staged |= record[RECORD_EVENT] == MCUEDIT_LOG_LOCAL ? 1u << record[RECORD_SLOT] : 0;
        from = mcuedit_u32(record) + 1u;
    }
    return false;
}

int mcuedit_session_start(mcuedit_session *session, const mcuedit_session_config *config)
{
    uint32_t tag = 0;
    *session = (mcuedit_session){.config = config, .key = key_of(config->gate)};
    int err = forget(session);
    if (err || config->checkpoint == NULL) {
        return err;
    }
    uint32_t size = session->config->workspace->size;
    int found = mcuedit_checkpoint_load(config->checkpoint, session->key, &tag, config->workspace, size);
    if (!found || was_adopted(config->store, tag)) {
        err = clear(session); /* of a half-erased place, too, which is not found */
        int again = forget(session);
        return err ? err : again;
    }
    session->saved = session->config->workspace->step;
    return MCUEDIT_SESSION_RESUMED;
}

static void count(const mcuedit_session *session, uint8_t arm, uint8_t good)
{
    mcuedit_store_outcome(session->config->store, arm, good);
}

int mcuedit_session_correct(mcuedit_session *session, const int8_t *x, const int8_t *logits, uint16_t wanted,
                            uint8_t arm)
{
    int err = mcuedit_train_add_correction(session->config->gate, session->config->workspace, x, logits, wanted);
    if (!err) {
        count(session, arm, 0);
    }
    return err;
}

#if MCUEDIT_AUTHORITY
/* Is a package on trial that was signed? What is learned here neither ends its trial nor confirms it. */
static bool is_signed_trial(const mcuedit_store *store)
{
    const mcuedit_store_state *state = mcuedit_store_status(store);
    bool found = false;
    for (uint32_t slot = 0; slot < MCUEDIT_STORE_SLOTS; slot++) {
        bool local = (state->slots[slot].bits & MCUEDIT_SLOT_LOCAL) != 0;
        found = found ||
                ((state->trial >> slot & 1u) != 0 && !local && mcuedit_slot_kept(store, slot) == MCUEDIT_KEPT_STAGED);
    }
    return found;
}
#else
#define is_signed_trial(store) false
#endif

int mcuedit_session_right(mcuedit_session *session, const int8_t *x, uint8_t arm)
{
    const mcuedit_session_config *config = session->config;
    const mcuedit_store_counts *counts = &config->store->counts;
    int err = mcuedit_train_add_replay(config->gate, config->workspace, x);
    if (err) {
        return err;
    }
    count(session, arm, 1);
    if (config->enough == 0 || !mcuedit_store_status(config->store)->in_trial || counts->good[1] < config->enough ||
        counts->bad[1] != 0 || is_signed_trial(config->store)) {
        return MCUEDIT_OK;
    }
    return mcuedit_store_confirm(config->store);
}

int mcuedit_session_judge(mcuedit_session *session, const int8_t *x, const int8_t *logits, uint16_t answer, uint8_t arm)
{
    const mcuedit_session_config *config = session->config;
    int32_t wanted = config->rule != NULL ? config->rule(config->context, answer) : -1;
    if (wanted < 0) {
        return MCUEDIT_OK;
    }
    if (wanted == answer) {
        return mcuedit_session_right(session, x, arm);
    }
    return wanted > UINT16_MAX ? MCUEDIT_E_CLASS : mcuedit_session_correct(session, x, logits, (uint16_t)wanted, arm);
}

/* Multiply-accumulates of one step, about. */
static uint32_t step_cost(const mcuedit_train_gate *gate)
{
    const mcuedit_train_statistics *statistics = gate->statistics;
    uint32_t samples = 1u + gate->correction_count + statistics->sample_count + gate->replay_count;
    return 2u * gate->base->ops[gate->tap].n_in * (samples + statistics->direction_count);
}

int mcuedit_session_train(mcuedit_session *session, uint32_t budget)
{
    const mcuedit_session_config *config = session->config;
    const uint32_t cost = step_cost(config->gate);
    for (int first = session->config->workspace->phase == TRAIN_IDLE;; first = 0) {
        if (session->config->workspace->phase == TRAIN_END) {
            return MCUEDIT_OK;
        }
        uint32_t slice = budget < cost ? budget : cost;
        int more = mcuedit_train_step(config->gate, config->workspace, slice);
        if (more < 0) {
            return more;
        }
        uint32_t since = (uint32_t)session->config->workspace->step - session->saved;
        if (first || more == MCUEDIT_OK || (config->every != 0 && since >= config->every)) {
            int err = save(session);
            if (err) {
                return err;
            }
        }
        budget -= slice;
        if (budget == 0) {
            return more;
        }
    }
}

int mcuedit_session_adopt(mcuedit_session *session, const char *label, uint8_t label_length)
{
    const mcuedit_session_config *config = session->config;
    mcuedit_store *store = config->store;
    uint8_t slot = 0;
    if (is_signed_trial(store)) {
        return MCUEDIT_E_STATE;
    }
    int size = mcuedit_train_result(config->gate, config->workspace, label, label_length, config->adapter,
                                    config->adapter_size);
    int err = size < 0 ? size : mcuedit_store_stage_local(store, config->adapter, (uint32_t)size, &slot);
    if (err) {
        return err;
    }
    uint16_t mask = mcuedit_store_mask(store, mcuedit_store_status(store)->in_trial);
    err = mcuedit_store_activate(store, (uint16_t)(mask | 1u << slot), config->boots, ALL);
    if (err) {
        (void)mcuedit_store_erase(store, slot);
        return err;
    }
    err = clear(session);
    int again = forget(session);
    return err ? err : again ? again : size;
}

int mcuedit_session_keep(mcuedit_session *session)
{
    mcuedit_store *store = session->config->store;
    return is_signed_trial(store) ? MCUEDIT_E_STATE : mcuedit_store_confirm(store);
}

int mcuedit_session_forget(mcuedit_session *session)
{
    int cleared = clear(session), forgotten = forget(session);
    return cleared ? cleared : forgotten;
}

int mcuedit_session_drop(mcuedit_session *session)
{
    mcuedit_store *store = session->config->store;
    int forgotten = mcuedit_session_forget(session);
    bool ends = mcuedit_store_status(store)->in_trial && !is_signed_trial(store);
    int err = ends ? mcuedit_store_rollback(store) : MCUEDIT_OK;
    return err ? err : forgotten;
}
