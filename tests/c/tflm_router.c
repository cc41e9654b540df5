/* SPDX-License-Identifier: Apache-2.0 */
/* A router for the context of tests' own library of TFLM, for ctypes. */
#include "apps/common/app.h"
#include "net_routes.h"

MCUEDIT_EXPORT int routed_start(int (*read)(void *context, uint32_t offset, void *bytes, uint32_t size));
MCUEDIT_EXPORT int routed_switch(uint32_t id);

static net_cache_memory memory;
static mcuedit_cache_config config;
static mcuedit_cache cache;
static mcuedit_router router;

int routed_start(int (*read)(void *context, uint32_t offset, void *bytes, uint32_t size))
{
    config = (mcuedit_cache_config){
        .base = &MODEL_BASE,
        .slots = &net_slots,
        .read = read,
        .places = memory.places,
        .order = memory.order,
        .bytes = memory.bytes,
        .byte_count = sizeof(memory.bytes),
        .place_count = NET_CACHE_PLACES,
    };
    int err = mcuedit_cache_init(&cache, &config);
    return err ? err : mcuedit_router_init(&router, &net_routes, &cache, &app_context);
}

int routed_switch(uint32_t id)
{
    return mcuedit_router_switch(&router, id);
}
