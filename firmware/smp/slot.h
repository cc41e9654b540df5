/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUEDIT_SMP_SLOT_H
#define MCUEDIT_SMP_SLOT_H

#include "message.h"

#define MCUEDIT_SMP_VERSION_MAX 26 /* 255.255.65535+4294967295 and what ends it */

/* A slot, and the package in it if `is_package`. */
typedef struct {
    mcuedit_slot_info info;
    mcuedit_package package;
    bool is_package; /* false: empty, a bare adapter, or damaged */
} mcuedit_smp_slot;

/* MCUEDIT_E_FIELD if there is no such slot. */
int mcuedit_smp_read_slot(const mcuedit_store *store, uint32_t slot, mcuedit_smp_slot *view);

/* "1.2.3", with the build number behind `separator` unless it is 0. Returns the length. */
uint32_t mcuedit_smp_version(const mcuedit_package *package, char separator, char text[MCUEDIT_SMP_VERSION_MAX]);

/* A copy of a request that was carried out already, or one that knew another state: the log has grown since. */
static inline int mcuedit_smp_check_log(const mcuedit_smp_exchange *exchange, const mcuedit_smp_field *log)
{
    uint32_t next = mcuedit_store_status(exchange->smp->config->store)->sequence;
    return log->present && *(const uint32_t *)log->value != next ? MCUEDIT_SMP_MOVED_ON : MCUEDIT_OK;
}

#endif
