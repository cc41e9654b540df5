/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the vectors that the host compiled in (vectors.c, generated) and says `pass N`, or `fail I` with the first
 * vector whose output differs in any byte, or `error NAME`.
 */
#include "app.h"
#include "port.h"
#include "vectors.h"

/* One round: every input with the adapters of `mask` active. */
static int run_round(const selftest_round *round, uint32_t *passed)
{
    int err = app_use(round->mask);
    for (uint32_t i = 0; !err && i < SELFTEST_INPUTS; i++) {
        for (uint32_t j = 0; j < MODEL_INPUT_SIZE; j++) {
            app_input[j] = selftest_inputs[i][j];
        }
        err = app_infer();
        for (uint32_t j = 0; !err && j < MODEL_OUTPUT_SIZE; j++) {
            if (app_output[j] != round->outputs[i][j]) {
                port_print("fail ");
                port_print_unsigned(*passed);
                port_print("\n");
                return 1;
            }
        }
        *passed += !err;
    }
    return err;
}

int main(void)
{
    uint32_t passed = 0;
    int err = app_start();
    for (uint32_t i = 0; !err && i < SELFTEST_ROUNDS; i++) {
        err = run_round(&selftest_rounds[i], &passed);
    }
    if (err < 0) {
        port_print("error ");
        port_print(mcuedit_error_name(err));
        port_print("\n");
    } else if (!err) {
        port_print("pass ");
        port_print_unsigned(passed);
        port_print("\n");
    }
    for (;;) {
        (void)port_uart_read(); /* nothing more to do */
    }
}
