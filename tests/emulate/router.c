/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A base whose adapters lie in an SPI flash (tests/helpers/spi_nor.py). A digit on the console is the context of the
 * next inference; the answer is what the switch said, a CRC of the output, hits and misses so far, and the ticks that
 * the switch took, if the build counts any.
 */
#include "core/crc32.h"
#include "model.h"
#include "net_routes.h"
#include "port/port.h"
#if MCUEDIT_TRACE
#include "port/trace.h"
#endif

#define SPI_SELECT (*(volatile uint32_t *)0x40020000u)
#define SPI_DATA   (*(volatile uint32_t *)0x40020004u)

enum { READ = 0x03, READ_STATUS = 0x05, BUSY = 1, PATIENCE = 100 };

static MCUEDIT_ALIGNED(16) int8_t arena[MODEL_ARENA_SIZE];
static int8_t h[NET_ROUTES_RANK];
static mcuedit_context context;
static net_cache_memory memory;
static mcuedit_cache cache;
static mcuedit_router router;

MCUEDIT_STATIC_ASSERT(sizeof(memory) + sizeof(cache) == MCUEDIT_CACHE_RAM(NET_CACHE_PLACES, NET_SLOT_SIZE),
                      the_bound_is_what_adapters_take);

static uint8_t shift(uint32_t byte)
{
    SPI_DATA = byte;
    return (uint8_t)SPI_DATA;
}

static int wait_ready(void)
{
    uint32_t busy = BUSY;
    for (uint32_t i = 0; i < PATIENCE && busy; i++) {
        SPI_SELECT = 1;
        (void)shift(READ_STATUS);
        busy = shift(0) & BUSY;
        SPI_SELECT = 0;
    }
    return busy ? -1 : 0;
}

static int read_spi(void *driver, uint32_t offset, void *bytes, uint32_t size)
{
    uint8_t *to = bytes;
    (void)driver;
    if (wait_ready()) {
        return -1;
    }
    SPI_SELECT = 1;
    (void)shift(READ);
    (void)shift(offset >> 16);
    (void)shift(offset >> 8 & 0xFFu);
    (void)shift(offset & 0xFFu);
    for (uint32_t i = 0; i < size; i++) {
        to[i] = shift(0);
    }
    SPI_SELECT = 0;
    return 0;
}

static const mcuedit_cache_config config = {
    .base = &MODEL_BASE,
    .slots = &net_slots,
    .read = read_spi,
    .places = memory.places,
    .order = memory.order,
    .bytes = memory.bytes,
    .byte_count = sizeof(memory.bytes),
    .place_count = NET_CACHE_PLACES,
};

static uint32_t switch_counted(uint32_t id, int *err)
{
#if MCUEDIT_TRACE
    port_trace_begin();
    *err = mcuedit_router_switch(&router, id);
    mcuedit_trace();
    return port_trace_ticks(2) - port_trace_ticks(1) - (port_trace_ticks(1) - port_trace_ticks(0));
#else
    *err = mcuedit_router_switch(&router, id);
    return 0;
#endif
}

static void serve(uint32_t id)
{
    int err;
    uint32_t ticks = switch_counted(id, &err);
    int8_t *input = MODEL_INPUT(arena), *output = MODEL_OUTPUT(arena);
    for (uint32_t i = 0; i < MODEL_INPUT_SIZE; i++) {
        input[i] = (int8_t)(i * 37u);
    }
    if (MODEL_INFER(&context, input, output, arena)) {
        port_print("no inference");
    }
    port_print(mcuedit_error_name(err));
    port_print(" ");
    port_print_hex(mcuedit_crc32(0, (const uint8_t *)output, MODEL_OUTPUT_SIZE), 8);
    const uint32_t shown[] = {cache.hits, cache.misses, ticks};
    for (uint32_t i = 0; i < 3; i++) {
        port_print(" ");
        port_print_unsigned(shown[i]);
    }
    port_print("\n");
}

int main(void)
{
    mcuedit_context_init(&context, &MODEL_BASE, h, sizeof(h));
    int err = MODEL_START(&context, arena);
    if (!err) {
        err = mcuedit_cache_init(&cache, &config);
    }
    if (!err) {
        err = mcuedit_router_init(&router, &net_routes, &cache, &context);
    }
#if MCUEDIT_TRACE
    port_trace_init();
#endif
    port_print(mcuedit_error_name(err));
    port_print("\n");
    for (;;) {
        uint32_t id = port_uart_read() - (uint32_t)'0';
        (void)port_uart_read(); /* the line's end */
        serve(id);
    }
}
