/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUEDIT_CACHE_H
#define MCUEDIT_CACHE_H

#include "mcuedit/router.h"

/*
 * Gets the adapters of `count` slots, in ascending order, into the cache, where they stay until the next call: they are
 * the first `count` of config->order. MCUEDIT_E_CAPACITY if there are not so many places; the other errors are those of
 * mcuedit_router_switch.
 */
int mcuedit_cache_take(mcuedit_cache *cache, const uint16_t *slots, uint8_t count);

#endif
