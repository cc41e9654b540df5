/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of federated training: the line protocol (SPEC.md, section 5) and what a round takes (section 12).
 *
 * The adapter compiled in is copied to RAM, where each round replaces its B.
 */
#include "mcuedit/federate.h"

#include "app.h"
#include "line.h"
#include "mcuedit/engine.h"
#include "port.h"

#define ADAPTER_MAX  24576 /* bytes of the adapter */
#define GRADIENT_MAX 8192  /* elements of B */
#define TEXT_MAX     255u

int8_t app_arena[MODEL_ARENA_SIZE] __attribute__((aligned(4)));

static struct {
    uint32_t bytes[ADAPTER_MAX / 4];
    mcuedit_stack stack;
    mcuedit_adapter adapter;
    const mcuedit_adapter *active[1];
    mcuedit_set set;
    int8_t h[APP_RANK];
    int8_t b[GRADIENT_MAX];
    int32_t gradient[GRADIENT_MAX];
    uint32_t size; /* elements of B */
    uint32_t late; /* examples that had something to say */
    int error;
} app;

int app_infer(void)
{
    return app.error ? app.error : MODEL_INFER(&app.stack, APP_INPUT, APP_OUTPUT, app_arena);
}

uint16_t app_answer(void)
{
    return (uint16_t)mcuedit_argmax_s8(MODEL_LOGITS(app_arena, APP_OUTPUT), MODEL_LOGITS_SIZE);
}

const char *app_label(uint16_t answer, uint8_t *length)
{
    return mcuedit_stack_label(&app.stack, answer, length);
}

static int start(void)
{
    mcuedit_stack_init(&app.stack, &MODEL_BASE, app.h, sizeof(app.h));
    int err = MODEL_START(&app.stack, app_arena);
    const mcuedit_blob *blob = &app_adapters[0];
    if (err || blob->size > sizeof(app.bytes)) {
        return err ? err : MCUEDIT_E_SIZE;
    }
    for (uint32_t i = 0; i < blob->size; i++) {
        ((uint8_t *)app.bytes)[i] = ((const uint8_t *)blob->bytes)[i];
    }
    err = mcuedit_adapter_open(&app.adapter, &MODEL_BASE, app.bytes, blob->size);
    app.size = err ? 0 : mcuedit_federate_size(&app.adapter);
    if (err || app.size > GRADIENT_MAX) {
        return err ? err : MCUEDIT_E_SIZE;
    }
    app.active[0] = &app.adapter;
    app.set = (mcuedit_set){app.active, 1};
    return mcuedit_stack_set(&app.stack, &app.set);
}

/* `b HEX`: B of this round. */
static int replace(void)
{
    for (uint32_t i = 0; i < app.size; i++) {
        int high = line_digit(), low = high < 0 ? high : line_digit();
        if (low < 0) {
            return low == LINE_END ? MCUEDIT_E_SIZE : low;
        }
        app.b[i] = (int8_t)(high << 4 | low);
    }
    int err = line_byte() == LINE_END ? mcuedit_federate_replace(app.bytes, app.b) : MCUEDIT_E_SIZE;
    if (!err) {
        port_print("ok\n");
    }
    return err;
}

/* `fix CLASS TEXT`: an example of the device's own. */
static int fix(void)
{
#if MODEL_FEATURES > 0
    uint32_t wanted = 0, length = 0;
    int byte = line_byte();
    for (; byte >= '0' && byte <= '9' && wanted < UINT16_MAX; byte = line_byte()) {
        wanted = wanted * 10u + (uint32_t)(byte - '0');
    }
    if (byte != ' ') {
        return MCUEDIT_E_COMMAND;
    }
    char text[TEXT_MAX];
    for (byte = line_byte(); byte != LINE_END; byte = line_byte()) {
        if (length == TEXT_MAX) {
            return MCUEDIT_E_SIZE;
        }
        text[length++] = (char)byte;
    }
    mcuedit_text_features(text, length, APP_INPUT, MODEL_FEATURES);
    int err = app_infer();
    if (err) {
        return err;
    }
    const int8_t *logits = MODEL_LOGITS(app_arena, APP_OUTPUT);
    err = mcuedit_federate_example(&app.adapter, app.h, logits, MODEL_LOGITS_SIZE, (uint16_t)wanted,
                                   MCUEDIT_FEDERATE_MARGIN, app.gradient);
    if (err < 0) {
        return err;
    }
    app.late += (uint32_t)err;
    port_print("ok\n");
    return MCUEDIT_OK;
#else
    return MCUEDIT_E_COMMAND;
#endif
}

/* `sum`: how many examples had something to say, and the gradient, which is then 0 again. */
static int sum(void)
{
    port_print("sum ");
    port_print_unsigned(app.late);
    port_print(" ");
    for (uint32_t i = 0; i < app.size; i++) {
        port_print_hex((uint32_t)app.gradient[i], 8);
        app.gradient[i] = 0;
    }
    port_print("\n");
    app.late = 0;
    return MCUEDIT_OK;
}

static const line_command commands[] = {LINE_COMMANDS, {"b", replace}, {"fix", fix}, {"sum", sum}, LINE_COMMANDS_END};

int main(void)
{
    app.error = start();
    line_hello(app.error);
    for (;;) {
        line_serve(port_uart_read(), commands);
    }
}
