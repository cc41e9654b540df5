/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Adapters in RAM, those that were used last. `order` lists the places, the one used last first: hence the adapters
 * that were just taken are its beginning, as a set wants them, and the place to give away is its end.
 */
#include <stddef.h>

#include "../core/delta.h"
#include "cache.h"

/* `order` points to the adapters of places. */
MCUEDIT_STATIC_ASSERT(offsetof(mcuedit_cache_place, adapter) == 0, a_place_begins_with_its_adapter);

enum { NO_SLOT = 0xFFFF };

int mcuedit_cache_init(mcuedit_cache *cache, const mcuedit_cache_config *config)
{
    const mcuedit_slots *slots = config->slots;
    if (slots->count == 0 || slots->size < ADAPTER_HEADER_SIZE || (slots->size & 3u) != 0 ||
        slots->pitch < slots->size || config->place_count == 0) {
        return MCUEDIT_E_FIELD;
    }
    if (config->mapped != NULL) {
        if ((((uintptr_t)config->mapped | slots->origin | slots->pitch) & 3u) != 0) {
            return MCUEDIT_E_ALIGN;
        }
    } else if (((uintptr_t)config->bytes & 3u) != 0) {
        return MCUEDIT_E_ALIGN;
    } else if (config->byte_count / slots->size < config->place_count) {
        return MCUEDIT_E_CAPACITY;
    }
    for (uint32_t i = 0; i < config->place_count; i++) {
        config->places[i].slot = NO_SLOT;
        config->order[i] = &config->places[i].adapter;
    }
    *cache = (mcuedit_cache){.config = config};
    return MCUEDIT_OK;
}

static mcuedit_cache_place *place_at(const mcuedit_cache_config *config, uint32_t position)
{
    return &config->places[(const mcuedit_cache_place *)config->order[position] - config->places];
}

/* Makes the place at a position the one used last, if it is the slot's; 0 if it is not. */
static uint32_t use(const mcuedit_cache_config *config, uint32_t position, uint32_t slot)
{
    const mcuedit_adapter *used = config->order[position];
    if (((const mcuedit_cache_place *)used)->slot != slot) {
        return 0;
    }
    for (; position != 0; position--) {
        config->order[position] = config->order[position - 1u];
    }
    config->order[0] = used;
    return 1;
}

/* The same, wherever its place is. */
static uint32_t find(const mcuedit_cache_config *config, uint32_t slot)
{
    uint32_t position = 0;
    while (position != config->place_count && use(config, position, slot) == 0) {
        position++;
    }
    return position != config->place_count;
}

/* Is its place among the first `end`? */
static uint32_t is_among(const mcuedit_cache_config *config, uint32_t end, uint32_t slot)
{
    for (uint32_t i = 0; i < end; i++) {
        if (place_at(config, i)->slot == slot) {
            return 1;
        }
    }
    return 0;
}

/* Reads the adapter at `offset`, as long as it states to be and no longer than a slot. */
static int read_adapter(const mcuedit_cache_config *config, uint32_t offset, uint8_t *bytes)
{
    /* Nothing is left of the header of the adapter before, in case that the reader fails and does not say so. */
    MCUEDIT_FILL(bytes, 0, ADAPTER_HEADER_SIZE);
    if (config->read(config->context, offset, bytes, ADAPTER_HEADER_SIZE)) {
        return MCUEDIT_E_FLASH;
    }
    uint32_t size = mcuedit_adapter_size(bytes);
    if (size <= ADAPTER_HEADER_SIZE || size > config->slots->size) { /* refused by its header */
        return MCUEDIT_OK;
    }
    offset += ADAPTER_HEADER_SIZE;
    bytes += ADAPTER_HEADER_SIZE;
    return config->read(config->context, offset, bytes, size - ADAPTER_HEADER_SIZE) ? MCUEDIT_E_FLASH : MCUEDIT_OK;
}

/* Reads and checks a slot, in the place that was used least recently. */
static int fetch(const mcuedit_cache_config *config, uint32_t slot)
{
    const mcuedit_slots *slots = config->slots;
    mcuedit_cache_place *place = place_at(config, config->place_count - 1u);
    uint32_t offset = slots->origin + slots->pitch * slot;
    const uint8_t *bytes = config->mapped;
    place->slot = NO_SLOT; /* until all of it is proven */
    if (bytes != NULL) {
        bytes += offset;
    } else {
        uint8_t *room = (uint8_t *)config->bytes + slots->size * (uint32_t)(place - config->places);
        int err = read_adapter(config, offset, room);
        if (err) {
            return err;
        }
        bytes = room;
    }
    uint32_t size = mcuedit_adapter_size(bytes);
    if (size == 0) {
        return MCUEDIT_E_MAGIC;
    }
    if (size > slots->size) {
        return MCUEDIT_E_SIZE;
    }
    int err = mcuedit_adapter_open(&place->adapter, config->base, bytes, size);
    if (!err) {
        place->slot = (uint16_t)slot;
    }
    return err;
}

int mcuedit_cache_take(mcuedit_cache *cache, const uint16_t *slots, uint8_t count)
{
    const mcuedit_cache_config *config = cache->config;
    uint32_t there = 0;
    if (count > config->place_count) {
        return MCUEDIT_E_CAPACITY;
    }
    for (uint32_t i = 0; i < count; i++) { /* first, so that no place is taken from one of them */
        there += find(config, slots[i]);
    }
    cache->hits += there;
    for (uint32_t i = 0; there != count; i++) {
        if (is_among(config, there, slots[i]) == 0) {
            int err = fetch(config, slots[i]);
            cache->misses++;
            if (err) {
                return err;
            }
            there += find(config, slots[i]);
        }
    }
    return MCUEDIT_OK;
}
