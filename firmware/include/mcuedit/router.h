/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Adapters in memory that the core need not read in place (SPI flash behind a driver, a file), and which of them are
 * active: by the context of the next inference, which may be a user, a room or a language (SPEC.md, section 15).
 *
 *     mcuedit_context_init(&context, &NAME_base, h, sizeof(h));
 *     mcuedit_cache_init(&cache, &config);
 *     mcuedit_router_init(&router, &NAME_routes, &cache, &context);
 *     mcuedit_router_switch(&router, id);                // between two inferences
 *
 * Adapters lie in slots of one size. What becomes active is read into a place in RAM, whole, and checked there like any
 * other; places keep what was active last. MCUEDIT_CACHE_RAM says how much RAM that takes: always, whatever is in the
 * slots.
 *
 * All of this is for the context that runs the inferences, between two of them: the bytes of the set before may be
 * overwritten at once. Once a router has a context, mcuedit_context_set is the router's to call.
 */
#ifndef MCUEDIT_ROUTER_H
#define MCUEDIT_ROUTER_H

#include "mcuedit/mcuedit.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where adapters lie, as offsets that the reader understands. Slots are numbered from 0. */
typedef struct {
    uint32_t origin; /* of slot 0 */
    uint32_t pitch;  /* from one slot to the next: `size`, or more, so that one can be erased alone */
    uint32_t size;   /* of a slot: no adapter is larger; a multiple of 4, 20 or more */
    uint16_t count;  /* 1..65,535 */
} mcuedit_slots;

/* A place for one adapter, whose bytes lie apart. Fields are private. */
typedef struct {
    mcuedit_adapter adapter;
    uint16_t slot;
} mcuedit_cache_place;

/* What a cache works with. All of it must outlive the cache. */
typedef struct {
    const mcuedit_base *base;
    const mcuedit_slots *slots;
    void *context; /* for the callback */
    /*
     * Reads `size` bytes at `offset`, both multiples of 4 where the slots' offsets are. 0, or any other value for
     * failure: also if there are fewer bytes.
     */
    int (*read)(void *context, uint32_t offset, void *bytes, uint32_t size);
    /* NULL; or offset 0 where the core reads the same memory itself, 4-byte aligned: then nothing is copied. */
    const uint8_t *mapped;
    mcuedit_cache_place *places;   /* [place_count] */
    const mcuedit_adapter **order; /* [place_count] */
    void *bytes;                   /* 4-byte aligned, place_count * slots->size of them; NULL if `mapped` is not */
    uint32_t byte_count;
    uint8_t place_count; /* adapters in RAM at once: at least those of the largest route */
} mcuedit_cache_config;

/* Fields are private but for those that are named below. */
typedef struct {
    const mcuedit_cache_config *config;
    uint32_t hits;   /* adapters that were wanted and there, so far */
    uint32_t misses; /* and that had to be read and checked, failures included */
} mcuedit_cache;

/* All the RAM of a cache: places, their order, the bytes of adapters, the cache itself. */
#define MCUEDIT_CACHE_RAM(places, slot_size) \
    ((places) * (sizeof(mcuedit_cache_place) + sizeof(const mcuedit_adapter *) + (slot_size)) + sizeof(mcuedit_cache))

/*
 * An empty cache; also after slots were written anew. MCUEDIT_E_FIELD if the slots or the number of places are none,
 * MCUEDIT_E_ALIGN if `bytes` or what is mapped is not at a word, MCUEDIT_E_CAPACITY if the bytes are fewer than the
 * places take.
 */
int mcuedit_cache_init(mcuedit_cache *cache, const mcuedit_cache_config *config);

/* Which adapters are active in a context. */
typedef struct {
    uint32_t id;           /* of the context, as the application counts */
    const uint16_t *slots; /* in ascending order; NULL if there are none */
    uint8_t count;
} mcuedit_route;

/* A table of routes: generated, or the application's own. */
typedef struct {
    const mcuedit_route *routes; /* in ascending order of their ids */
    uint16_t count;
    mcuedit_route otherwise; /* of all other contexts; its id is not looked at */
} mcuedit_routes;

/* `route`: what is active, NULL if it is the base alone, after a failure. Other fields are private. */
typedef struct {
    const mcuedit_routes *routes;
    mcuedit_cache *cache;
    mcuedit_context *active;
    const mcuedit_route *route;
    mcuedit_set set;
} mcuedit_router;

/* Places that a cache needs for these routes: the most adapters that are active at once. 1 or more. */
uint8_t mcuedit_routes_places(const mcuedit_routes *routes);

/*
 * A router for `active`, nothing active yet. MCUEDIT_E_FIELD if ids or slots do not ascend or there is no such slot,
 * MCUEDIT_E_CAPACITY if the cache has fewer places than mcuedit_routes_places says, MCUEDIT_E_BASE if cache and context
 * are for two bases.
 */
int mcuedit_router_init(mcuedit_router *router, const mcuedit_routes *routes, mcuedit_cache *cache,
                        mcuedit_context *active);

/*
 * The next inference is one of context `id`: its route is active, or `otherwise`. Does nothing if it is already.
 * Adapters that are in the cache are not read again; the others take the places that were used least recently.
 *
 * On an error the base alone is active, and the next call tries again: MCUEDIT_E_FLASH if the reader failed,
 * MCUEDIT_E_MAGIC if no adapter starts in a slot, MCUEDIT_E_SIZE if it states more than the slot has, and whatever
 * mcuedit_adapter_open and mcuedit_context_set say.
 */
int mcuedit_router_switch(mcuedit_router *router, uint32_t id);

#ifdef __cplusplus
}
#endif

#endif
