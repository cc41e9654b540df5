/* SPDX-License-Identifier: Apache-2.0 */
/* Trains B with differential privacy on the examples in examples.h, and prints a CRC of masters and B after a step. */
#include "core/crc32.h"
#include "examples.h"
#include "mcuedit/federate.h"
#include "port/port.h"

static int32_t own[SIZE], sum[SIZE], masters[SIZE];
static int8_t b[SIZE];

/* xorshift32 (Marsaglia, 2003): bits that the host can have, too; never for privacy. */
static uint32_t draw(void *context)
{
    uint32_t *x = context;
    *x ^= *x << 13;
    *x ^= *x >> 17;
    *x ^= *x << 5;
    return *x;
}

static int train(const mcuedit_private *schedule, const mcuedit_adapter *adapter, uint16_t number)
{
    const int8_t (*now)[CLASSES] = logits[number];
    int err = 0;
    for (uint32_t i = 0; err >= 0 && i < HIDDEN; i++) {
        if (mcuedit_sampled(schedule->random, schedule->rate)) {
            err = mcuedit_private_example(schedule, adapter, h[i], now[i], CLASSES, wanted[i], own, sum);
        }
    }
    for (uint32_t i = HIDDEN; err >= 0 && i < HIDDEN + PUBLIC; i++) {
        err = mcuedit_private_keep(adapter, h[i], now[i], CLASSES, wanted[i], sum);
    }
    return err < 0 ? err : mcuedit_private_step(schedule, number, SIZE, sum, masters, b);
}

int main(void)
{
    uint32_t state = SEED;
    const mcuedit_random random = {&state, draw};
    const mcuedit_private schedule = {&random, RATE, SIGMA, CLIP, STEPS};
    const mcuedit_adapter adapter = {.deltas = (const uint8_t *)adapter_words + 20}; /* behind its header */
    int err = mcuedit_private_check(&schedule);
    for (uint16_t number = 0; !err && number < STEPS; number++) {
        err = train(&schedule, &adapter, number);
        uint32_t crc = mcuedit_crc32(0, (const uint8_t *)masters, sizeof(masters));
        port_print_hex(mcuedit_crc32(crc, (const uint8_t *)b, sizeof(b)), 8);
        port_print("\n");
    }
    port_print("end ");
    port_print(mcuedit_error_name(err ? err : mcuedit_private_step(&schedule, STEPS, SIZE, sum, masters, b)));
    port_print("\n");
    for (;;) {
        (void)port_uart_read();
    }
}
