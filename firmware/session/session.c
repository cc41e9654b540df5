/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuedit/session.h"

#include <stdbool.h>
#include <stddef.h>

#include "../core/bytes.h"
#include "../core/crc32.h"
#include "../train/gate.h"

enum { ALL = 100, RECORD_EVENT = 4, RECORD_SLOT = 5, RECORD_MASK = 6 };

static const mcuedit_train_state *state_of(const mcuedit_learner *learner)
{
    return learner->config->workspace;
}

/* A workspace goes on only beside the base and the rows that it began with. */
static uint32_t key_of(const mcuedit_train_gate *gate)
{
    const mcuedit_train_statistics *statistics = gate->statistics;
    uint32_t n = gate->base->ops[gate->tap].n_in;
    uint32_t key = mcuedit_crc32(0, gate->base->id, sizeof(gate->base->id));
    key = mcuedit_crc32(key, (const uint8_t *)statistics->centre, n);
    return mcuedit_crc32(key, (const uint8_t *)statistics->rows, n * statistics->row_count);
}

static int forget(mcuedit_learner *learner)
{
    const mcuedit_learner_config *config = learner->config;
    mcuedit_train_forget(config->workspace, config->workspace_size);
    learner->saved = 0;
    return mcuedit_train_init(config->gate, config->workspace, config->workspace_size, config->seed);
}

static int clear(const mcuedit_learner *learner)
{
    const mcuedit_checkpoint *checkpoint = learner->config->checkpoint;
    return checkpoint != NULL ? mcuedit_checkpoint_clear(checkpoint) : MCUEDIT_OK;
}

static int save(mcuedit_learner *learner)
{
    const mcuedit_learner_config *config = learner->config;
    learner->saved = state_of(learner)->step;
    if (config->checkpoint == NULL) {
        return MCUEDIT_OK;
    }
    uint32_t tag = mcuedit_store_status(config->store)->sequence;
    return mcuedit_checkpoint_save(config->checkpoint, learner->key, tag, config->workspace, state_of(learner)->size);
}

/* Whether an adapter that was made here went into a trial since the log's record `from`. */
static bool was_adopted(const mcuedit_store *store, uint32_t from)
{
    uint8_t record[MCUEDIT_RECORD_SIZE] __attribute__((aligned(4)));
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

int mcuedit_learner_start(mcuedit_learner *learner, const mcuedit_learner_config *config)
{
    uint32_t tag = 0;
    *learner = (mcuedit_learner){.config = config, .key = key_of(config->gate)};
    int err = forget(learner);
    if (err || config->checkpoint == NULL) {
        return err;
    }
    uint32_t size = state_of(learner)->size;
    int found = mcuedit_checkpoint_load(config->checkpoint, learner->key, &tag, config->workspace, size);
    if (!found || was_adopted(config->store, tag)) {
        err = clear(learner); /* of a half-erased place, too, which is not found */
        int again = forget(learner);
        return err ? err : again;
    }
    learner->saved = state_of(learner)->step;
    return MCUEDIT_LEARNER_RESUMED;
}

static void count(const mcuedit_learner *learner, uint8_t arm, uint8_t good)
{
    mcuedit_store_outcome(learner->config->store, arm, good);
}

int mcuedit_learner_correct(mcuedit_learner *learner, const int8_t *x, const int8_t *logits, uint16_t wanted,
                            uint8_t arm)
{
    int err = mcuedit_train_add_correction(learner->config->gate, learner->config->workspace, x, logits, wanted);
    if (!err) {
        count(learner, arm, 0);
    }
    return err;
}

int mcuedit_learner_right(mcuedit_learner *learner, const int8_t *x, uint8_t arm)
{
    const mcuedit_learner_config *config = learner->config;
    const mcuedit_store_counts *counts = &config->store->counts;
    int err = mcuedit_train_add_replay(config->gate, config->workspace, x);
    if (err) {
        return err;
    }
    count(learner, arm, 1);
    if (config->enough == 0 || !mcuedit_store_status(config->store)->in_trial || counts->good[1] < config->enough ||
        counts->bad[1] != 0) {
        return MCUEDIT_OK;
    }
    return mcuedit_store_confirm(config->store);
}

int mcuedit_learner_judge(mcuedit_learner *learner, const int8_t *x, const int8_t *logits, uint16_t answer, uint8_t arm)
{
    const mcuedit_learner_config *config = learner->config;
    int32_t wanted = config->rule != NULL ? config->rule(config->context, answer) : -1;
    if (wanted < 0) {
        return MCUEDIT_OK;
    }
    if (wanted == answer) {
        return mcuedit_learner_right(learner, x, arm);
    }
    return wanted > UINT16_MAX ? MCUEDIT_E_CLASS : mcuedit_learner_correct(learner, x, logits, (uint16_t)wanted, arm);
}

/* Multiply-accumulates of one step, about. */
static uint32_t step_cost(const mcuedit_train_gate *gate)
{
    const mcuedit_train_statistics *statistics = gate->statistics;
    uint32_t rows = 1u + gate->correction_count + statistics->row_count + gate->replay_count;
    return 2u * gate->base->ops[gate->tap].n_in * (rows + statistics->direction_count);
}

int mcuedit_learner_train(mcuedit_learner *learner, uint32_t budget)
{
    const mcuedit_learner_config *config = learner->config;
    const uint32_t cost = step_cost(config->gate);
    for (int first = state_of(learner)->phase == TRAIN_IDLE;; first = 0) {
        if (state_of(learner)->phase == TRAIN_END) {
            return MCUEDIT_OK;
        }
        uint32_t slice = budget < cost ? budget : cost;
        int more = mcuedit_train_step(config->gate, config->workspace, slice);
        if (more < 0) {
            return more;
        }
        uint32_t since = (uint32_t)state_of(learner)->step - learner->saved;
        if (first || more == MCUEDIT_OK || (config->every != 0 && since >= config->every)) {
            int err = save(learner);
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

int mcuedit_learner_adopt(mcuedit_learner *learner, const char *label, uint8_t label_length)
{
    const mcuedit_learner_config *config = learner->config;
    mcuedit_store *store = config->store;
    uint8_t slot = 0;
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
    err = clear(learner);
    int again = forget(learner);
    return err ? err : again ? again : size;
}

int mcuedit_learner_keep(mcuedit_learner *learner)
{
    return mcuedit_store_confirm(learner->config->store);
}

int mcuedit_learner_drop(mcuedit_learner *learner)
{
    mcuedit_store *store = learner->config->store;
    int cleared = clear(learner), forgotten = forget(learner);
    int err = mcuedit_store_status(store)->in_trial ? mcuedit_store_rollback(store) : MCUEDIT_OK;
    return err ? err : cleared ? cleared : forgotten;
}
