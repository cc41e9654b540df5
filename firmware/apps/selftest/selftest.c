/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the inputs that the host put beside it and compares every byte of every output. Says `pass INPUTS`, or
 * `fail INPUTS BYTES` with the number of inputs whose output is wrong and of the bytes that are, or `error NAME`.
 */
#include "apps/common/app.h"
#include "port/port.h"

#ifndef SELFTEST_SIZE
#error "SELFTEST_SIZE: bytes of all inputs and outputs, from mcuedit/emulate/devices/selftest.py"
#endif

/*
 * Which adapters are active, `count` inputs, then the outputs that must come of them. The host writes them into the
 * section of the ELF file, so that one build runs any number of vectors; volatile, as the compiler sees none of them.
 */
static const volatile struct {
    uint32_t count;
    uint8_t mask[APP_MASK_SIZE]; /* of app_use */
    int8_t values[SELFTEST_SIZE];
} selftest __attribute__((section(".selftest"))) = {0};

static uint32_t differing_bytes(const volatile int8_t *expected)
{
    uint32_t differing = 0;
    for (uint32_t i = 0; i < MODEL_OUTPUT_SIZE; i++) {
        differing += APP_OUTPUT[i] != expected[i];
    }
    return differing;
}

static int use_mask(void)
{
    uint8_t mask[APP_MASK_SIZE];
    for (uint32_t i = 0; i < APP_MASK_SIZE; i++) {
        mask[i] = selftest.mask[i];
    }
    return app_use(mask);
}

static void print_numbers(const char *word, uint32_t first, uint32_t second)
{
    port_print(word);
    port_print_unsigned(first);
    if (second != 0) {
        port_print(" ");
        port_print_unsigned(second);
    }
    port_print("\n");
}

int main(void)
{
    uint32_t wrong_inputs = 0, wrong_bytes = 0, count = selftest.count;
    const volatile int8_t *input = selftest.values, *expected = input + count * MODEL_INPUT_SIZE;
    int err = app_start();
    if (!err) {
        err = use_mask();
    }
    for (uint32_t i = 0; !err && i < count; i++) {
#ifdef MODEL_RESET /* of a base that keeps something: inputs do not know of each other */
        MODEL_RESET(app_arena);
#endif
        for (uint32_t j = 0; j < MODEL_INPUT_SIZE; j++) {
            APP_INPUT[j] = *input++;
        }
        err = app_infer();
        uint32_t differing = differing_bytes(expected);
        expected += MODEL_OUTPUT_SIZE;
        wrong_inputs += differing != 0;
        wrong_bytes += differing;
    }
    if (err) {
        port_print("error ");
        port_print(mcuedit_error_name(err));
        port_print("\n");
    } else if (wrong_inputs != 0) {
        print_numbers("fail ", wrong_inputs, wrong_bytes);
    } else {
        print_numbers("pass ", count, 0);
    }
    for (;;) {
        (void)port_uart_read(); /* nothing more to do */
    }
}
