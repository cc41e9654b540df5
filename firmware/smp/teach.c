/* SPDX-License-Identifier: Apache-2.0 */
/* Group 64, what follows `tell`: a device is made to train on what it was told, to adopt it, and to forget it. */
#include "teach.h"

#include "slot.h"

#if MCUEDIT_TEACHING

static int train(mcuedit_smp_exchange *exchange, uint32_t macs)
{
    const mcuedit_smp_config *config = exchange->smp->config;
    mcuedit_smp_training training = {.fixes = 0};
    int err = config->train(config->context, macs, &training);
    if (err) {
        return err;
    }
    bool ok = mcuedit_smp_put_uint(exchange, MCUEDIT_SMP_KEY_FIXES, training.fixes);
    ok = ok && mcuedit_smp_put_uint(exchange, MCUEDIT_SMP_KEY_STEP, training.step);
    ok = ok && (macs == 0 || mcuedit_smp_put_bool(exchange, MCUEDIT_SMP_KEY_MORE, training.more != 0));
    return mcuedit_smp_done(ok);
}

int mcuedit_smp_training_state(mcuedit_smp_exchange *exchange)
{
    return exchange->smp->config->train ? train(exchange, 0) : MCUEDIT_SMP_UNSUPPORTED;
}

int mcuedit_smp_train(mcuedit_smp_exchange *exchange)
{
    uint32_t macs = 0;
    mcuedit_smp_field field = {MCUEDIT_SMP_KEY_MACS, MCUEDIT_SMP_UINT, &macs, false};
    if (!exchange->smp->config->train) {
        return MCUEDIT_SMP_UNSUPPORTED;
    }
    int err = mcuedit_smp_fields(exchange, &field, 1);
    if (err || !field.present) {
        return MCUEDIT_SMP_INVALID;
    }
    return macs > 0 ? train(exchange, macs) : MCUEDIT_E_FIELD;
}

int mcuedit_smp_adopt(mcuedit_smp_exchange *exchange)
{
    const mcuedit_smp_config *config = exchange->smp->config;
    struct zcbor_string name = {.value = NULL};
    uint32_t log;
    mcuedit_smp_field fields[] = {
        {MCUEDIT_SMP_KEY_NAME, MCUEDIT_SMP_TEXT, &name, false},
        {MCUEDIT_SMP_KEY_LOG, MCUEDIT_SMP_UINT, &log, false},
    };
    if (!config->adopt) {
        return MCUEDIT_SMP_UNSUPPORTED;
    }
    int err = mcuedit_smp_fields(exchange, fields, sizeof(fields) / sizeof(fields[0]));
    err = err ? err : mcuedit_smp_check_log(exchange, &fields[1]);
    err = err ? err : config->adopt(config->context, name.value, (uint32_t)name.len);
    if (err) {
        return err;
    }
    const mcuedit_store *store = config->store;
    uint32_t mask = mcuedit_store_mask(store, mcuedit_store_status(store)->in_trial);
    return mcuedit_smp_done(mcuedit_smp_put_uint(exchange, MCUEDIT_SMP_KEY_MASK, mask));
}

int mcuedit_smp_forget(mcuedit_smp_exchange *exchange)
{
    const mcuedit_smp_config *config = exchange->smp->config;
    return config->forget ? config->forget(config->context) : MCUEDIT_SMP_UNSUPPORTED;
}

#endif
