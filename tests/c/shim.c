/* SPDX-License-Identifier: Apache-2.0 */
/* What tests call that is static inline, and the sizes of what they allocate. */
#include "core/crc32.h"
#include "core/dot.h"
#include "core/fixedpoint.h"
#include "mcuedit/kernels.h"
#include "mcuedit/mcuedit.h"
#include "mcuedit/router.h"

int32_t shim_mbqm(int32_t x, int32_t m, int32_t s);
uint32_t shim_cache_ram(uint32_t places, uint32_t slot_size);
int32_t shim_mbqm_any(int32_t x, int32_t m, int32_t s);
int32_t shim_row_dots(const int8_t *x, const uint8_t *a, uint32_t n, uint32_t bits, uint32_t rows, int32_t *sums);

const uint32_t shim_adapter_size = sizeof(mcuedit_adapter);
const uint32_t shim_context_size = sizeof(mcuedit_context);
const uint32_t shim_set_size = sizeof(mcuedit_set);
const uint32_t shim_cache_place_size = sizeof(mcuedit_cache_place);
const uint32_t shim_router_size = sizeof(mcuedit_router);

uint32_t shim_cache_ram(uint32_t places, uint32_t slot_size)
{
    return (uint32_t)MCUEDIT_CACHE_RAM(places, slot_size);
}

int32_t shim_mbqm(int32_t x, int32_t m, int32_t s)
{
    return mcuedit_mbqm(x, m, s);
}

int32_t shim_mbqm_any(int32_t x, int32_t m, int32_t s)
{
    return mcuedit_mbqm_any(x, m, s);
}

/*
 * sums[i] += row i of a . x, all through one mcuedit_row. `bits` is 8 or 4; or bit 8 + i says that row i is int4, and
 * every row takes n bytes. Returns 0.
 */
int32_t shim_row_dots(const int8_t *x, const uint8_t *a, uint32_t n, uint32_t bits, uint32_t rows, int32_t *sums)
{
    mcuedit_row row;
    mcuedit_row_begin(&row, x, n);
    for (uint32_t i = 0; i < rows; i++, a += bits == 4 ? (n + 1u) / 2u : n) {
        uint32_t int4 = bits > 8 ? bits >> (8u + i) & 1u : bits == 4;
        sums[i] = mcuedit_row_dot(&row, a, 2u * int4, sums[i]);
    }
    return 0;
}
