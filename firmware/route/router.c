/* SPDX-License-Identifier: Apache-2.0 */
/* Which adapters are active in which context. */
#include <stdbool.h>
#include <stddef.h>

#include "cache.h"

/* Are its slots there, each once and in order? */
static bool is_route(const mcuedit_route *route, uint32_t slot_count)
{
    uint32_t lowest = 0;
    for (uint32_t i = 0; i < route->count; i++) {
        if (route->slots[i] < lowest || route->slots[i] >= slot_count) {
            return false;
        }
        lowest = route->slots[i] + 1u;
    }
    return true;
}

uint8_t mcuedit_routes_places(const mcuedit_routes *routes)
{
    uint8_t most = routes->otherwise.count > 1 ? routes->otherwise.count : 1;
    for (uint32_t i = 0; i < routes->count; i++) {
        if (routes->routes[i].count > most) {
            most = routes->routes[i].count;
        }
    }
    return most;
}

int mcuedit_router_init(mcuedit_router *router, const mcuedit_routes *routes, mcuedit_cache *cache,
                        mcuedit_context *active)
{
    const mcuedit_cache_config *config = cache->config;
    if (active->base != config->base) {
        return MCUEDIT_E_BASE;
    }
    if (mcuedit_routes_places(routes) > config->place_count) {
        return MCUEDIT_E_CAPACITY;
    }
    bool valid = is_route(&routes->otherwise, config->slots->count);
    for (uint32_t i = 0; i < routes->count; i++) {
        valid = valid && is_route(&routes->routes[i], config->slots->count) &&
                (i == 0 || routes->routes[i - 1u].id < routes->routes[i].id);
    }
    if (!valid) {
        return MCUEDIT_E_FIELD;
    }
    *router = (mcuedit_router){.routes = routes, .cache = cache, .active = active, .set = {config->order, 0}};
    return mcuedit_context_set(active, NULL);
}

static const mcuedit_route *find(const mcuedit_routes *routes, uint32_t id)
{
    uint32_t low = 0, high = routes->count;
    while (low != high) {
        uint32_t middle = (low + high) / 2u;
        if (routes->routes[middle].id < id) {
            low = middle + 1u;
        } else {
            high = middle;
        }
    }
    return low != routes->count && routes->routes[low].id == id ? &routes->routes[low] : &routes->otherwise;
}

int mcuedit_router_switch(mcuedit_router *router, uint32_t id)
{
    const mcuedit_route *route = find(router->routes, id);
    if (route == router->route) {
        return MCUEDIT_OK;
    }
    router->route = NULL;
    int err = mcuedit_context_set(router->active, NULL); /* places of the set before may be read into */
    if (!err) {
        err = mcuedit_cache_take(router->cache, route->slots, route->count);
    }
    if (!err) {
        router->set.count = route->count;
        err = mcuedit_context_set(router->active, &router->set);
    }
    if (!err) {
        router->route = route;
    }
    return err;
}
