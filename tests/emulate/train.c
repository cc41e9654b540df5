/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trains on the rows in rows.h and prints a CRC of all the factors after every step, then the adapter, and what the
 * last step took: ticks, or 0 without MCUEDIT_TRACE.
 */
#include "core/crc32.h"
#include "net.h"
#include "net_train.h"
#include "port/port.h"
#include "rows.h"
#include "train/gate.h"
#include "train/train_math.h"
#if MCUEDIT_TRACE
#include "port/trace.h"
#endif

static net_train_workspace workspace;
static uint32_t adapter[(NET_TRAIN_ADAPTER(0) + 3u) / 4u];

static void print_factors(void)
{
    mcuedit_train train = mcuedit_train_open(&net_train, &workspace.state);
    uint32_t crc = 0;
    for (uint32_t j = 0; j < train.n; j++) {
        crc = mcuedit_crc32(crc, (const uint8_t *)&train.w[MCUEDIT_AT(j, train.n)], 2);
    }
    port_print_hex(crc, 8);
    port_print("\n");
}

static int prepare(void)
{
    int err = mcuedit_train_init(&net_train, &workspace.state, sizeof(workspace), 1);
    for (uint32_t i = 0; !err && i < REPLAY; i++) {
        err = mcuedit_train_add_replay(&net_train, &workspace.state, replay + i * WIDTH);
    }
    for (uint32_t i = 0; !err && i < CORRECTIONS; i++) {
        err = mcuedit_train_add_correction(&net_train, &workspace.state, corrections + i * WIDTH, logits, WANTED);
    }
    return err;
}

static int train(void)
{
    const mcuedit_train_state *state = &workspace.state;
    int err = MCUEDIT_TRAIN_MORE;
    for (uint32_t step = 0; err == MCUEDIT_TRAIN_MORE; step = state->step) {
        while (err == MCUEDIT_TRAIN_MORE && state->step == step) {
            err = mcuedit_train_step(&net_train, &workspace.state, 1);
        }
        print_factors();
    }
    return err;
}

int main(void)
{
    int err = prepare();
    if (!err) {
        err = train();
    }
    if (!err) {
        err = mcuedit_train_result(&net_train, &workspace.state, 0, 0, (uint8_t *)adapter, sizeof(adapter));
    }
    port_print(err < 0 ? mcuedit_error_name(err) : "adapter ");
    for (int32_t i = 0; i < err; i++) {
        port_print_hex(((const uint8_t *)adapter)[i], 2);
    }
#if MCUEDIT_TRACE
    err = prepare();
    port_trace_init();
    while (workspace.state.step != 1 && err >= 0) {
        err = mcuedit_train_step(&net_train, &workspace.state, 1);
    }
    port_trace_begin();
    while (workspace.state.step != 2) {
        (void)mcuedit_train_step(&net_train, &workspace.state, BUDGET);
    }
    mcuedit_trace();
    port_print("\nticks ");
    port_print_unsigned(port_trace_ticks(2) - 2u * port_trace_ticks(1) + port_trace_ticks(0));
#endif
    port_print("\n");
    for (;;) {
        (void)port_uart_read();
    }
}
