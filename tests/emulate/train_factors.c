/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trains factors on the rows in rows.h and prints a CRC of A and B after every step, then how it ended; with
 * MCUEDIT_TRACE, the ticks of two steps, one of a correction and one of a confirmed input, both with a loss.
 */
#include "core/crc32.h"
#include "net.h"
#include "net_factors.h"
#include "port/port.h"
#include "rows.h"
#include "train/factors.h"
#include "train/train_math.h"
#if MCUEDIT_TRACE
#include "port/trace.h"
#endif

static net_factors_workspace workspace;
static uint32_t adapter[(NET_FACTORS_ADAPTER + 3u) / 4u];

static void print_factors(void)
{
    mcuedit_train_f train = mcuedit_train_factors_open(&net_factors, &workspace.state);
    uint32_t crc = 0;
    for (uint32_t k = 0; k < train.rank; k++) {
        for (uint32_t j = 0; j < train.n; j++) {
            crc = mcuedit_crc32(crc, (const uint8_t *)&train.a[k * train.pitch + FACTOR_AT(j, train.n)],
                                sizeof(*train.a));
        }
    }
    crc = mcuedit_crc32(crc, (const uint8_t *)train.b, sizeof(*train.b) * train.rank * train.n_out);
    port_print_hex(crc, 8);
    port_print("\n");
}

static int prepare(void)
{
    int err = mcuedit_train_factors_init(&net_factors, &workspace.state, sizeof(workspace), 1);
    for (uint32_t i = 0; !err && i < REPLAY; i++) {
        err = mcuedit_train_factors_add_replay(&net_factors, &workspace.state, replay + i * WIDTH, answers[i]);
    }
    for (uint32_t i = 0; !err && i < CORRECTIONS; i++) {
        err = mcuedit_train_factors_add_correction(&net_factors, &workspace.state, corrections + i * WIDTH, wanted[i]);
    }
    return err;
}

static int to_step(uint32_t step)
{
    const mcuedit_train_factors_state *state = &workspace.state;
    int err = MCUEDIT_TRAIN_MORE;
    while (err == MCUEDIT_TRAIN_MORE && state->step != step) {
        err = mcuedit_train_factors_step(&net_factors, &workspace.state, 1);
    }
    return err;
}

int main(void)
{
    int err = prepare();
    err = err ? err : MCUEDIT_TRAIN_MORE;
    for (uint32_t step = 1; err == MCUEDIT_TRAIN_MORE; step++) {
        err = to_step(step);
        print_factors();
    }
    if (!err) {
        err = mcuedit_train_factors_result(&net_factors, &workspace.state, (uint8_t *)adapter, sizeof(adapter));
    }
    port_print("end ");
    port_print(err < 0 ? mcuedit_error_name(err) : "adapter");
#if MCUEDIT_TRACE
    (void)prepare();
    port_trace_init();
    (void)to_step(2);
    port_trace_begin();
    (void)to_step(4);
    mcuedit_trace();
    port_print("\nticks ");
    port_print_unsigned(port_trace_ticks(2) - 2u * port_trace_ticks(1) + port_trace_ticks(0));
#endif
    port_print("\n");
    for (;;) {
        (void)port_uart_read();
    }
}
