/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device that learns from corrections: the line protocol (SPEC.md, sections 5 and 7) and
 *
 *     fix CLASS INPUT   what was asked is to be answered with CLASS       -> ok
 *     yes INPUT         what was asked was answered right                 -> ok
 *     train MACS        trains for about so long; 0: to the end           -> more STEP | done STEP
 *     adopt [NAME]      checks what was trained, puts it in force, forgets the inputs -> adapter HEX
 *     drop              what was learned leaves, and all inputs with it   -> ok
 *     dump, load HEX    the workspace, to be put back after a reset       -> workspace HEX | ok
 *
 * INPUT is text for a base with a text front end, else the input tensor in hexadecimal digits.
 */
#include "app.h"
#include "base_train.h"
#include "line.h"
#include "mcuedit/engine.h"
#include "port.h"
#ifdef MCUEDIT_PROBE
#include "probe.h"
#endif

#define TEXT_MAX    255u
#define LABEL_MAX   32u
#define ADAPTER_MAX ((uint32_t)BASE_TRAIN_ADAPTER(LABEL_MAX))
#ifndef LEARN_ADAPTERS
#define LEARN_ADAPTERS 4u /* learned one after the other, all in force */
#endif

int8_t app_arena[MODEL_ARENA_SIZE] __attribute__((aligned(4)));

static struct {
    uint32_t workspace[(BASE_TRAIN_WORKSPACE + 3u) / 4u];
    uint32_t bytes[LEARN_ADAPTERS][(ADAPTER_MAX + 3u) / 4u];
    mcuedit_adapter adapters[LEARN_ADAPTERS];
    const mcuedit_adapter *active[LEARN_ADAPTERS];
    mcuedit_set set;
    mcuedit_stack stack;
    int8_t h[LEARN_ADAPTERS];
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
    const char *label = mcuedit_stack_label(&app.stack, answer, length);
    if (label == 0 && (label = MODEL_LABEL(answer)) != 0) {
        for (*length = 0; label[*length] != '\0'; (*length)++) {
        }
    }
    return label;
}

static int begin(void)
{
    return mcuedit_train_init(&base_train, app.workspace, sizeof(app.workspace), 1);
}

static int start(void)
{
    mcuedit_stack_init(&app.stack, &MODEL_BASE, app.h, sizeof(app.h));
    int err = MODEL_START(&app.stack, app_arena);
    return err ? err : begin();
}

static int ended(int err)
{
    if (!err) {
        port_print("ok\n");
    }
    return err;
}

/* A number up to the next space or the end; negative: there is none. */
static int32_t number(void)
{
    int32_t value = -1;
    int byte = line_byte();
    for (; byte >= '0' && byte <= '9' && value < 100000000; byte = line_byte()) {
        value = (value < 0 ? 0 : value * 10) + (byte - '0');
    }
    return byte == ' ' || byte == LINE_END ? value : -1;
}

static int read_hex(int8_t *to, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++) {
        int high = line_digit(), low = high < 0 ? high : line_digit();
        if (low < 0) {
            return low == LINE_END ? MCUEDIT_E_SIZE : low;
        }
        to[i] = (int8_t)(high << 4 | low);
    }
    return line_byte() == LINE_END ? MCUEDIT_OK : MCUEDIT_E_SIZE;
}

/* The rest of the line as an input, and an inference. */
static int infer_line(void)
{
#if MODEL_FEATURES > 0
    char text[TEXT_MAX];
    uint32_t length = 0;
    for (int byte = line_byte(); byte != LINE_END; byte = line_byte()) {
        if (length == TEXT_MAX) {
            return MCUEDIT_E_SIZE;
        }
        text[length++] = (char)byte;
    }
    mcuedit_text_features(text, length, APP_INPUT, MODEL_FEATURES);
#else
    int err = read_hex(APP_INPUT, MODEL_INPUT_SIZE);
    if (err) {
        return err;
    }
#endif
    return app_infer();
}

static int fix(void)
{
    int32_t wanted = number();
    if (wanted < 0) {
        return MCUEDIT_E_COMMAND;
    }
    int err = wanted < MODEL_LOGITS_SIZE ? infer_line() : MCUEDIT_E_CLASS;
    return ended(err ? err
                     : mcuedit_train_add_correction(&base_train, app.workspace, BASE_TRAIN_TAP(app_arena),
                                                    MODEL_LOGITS(app_arena, APP_OUTPUT), (uint16_t)wanted));
}

static int yes(void)
{
    int err = infer_line();
    return ended(err ? err : mcuedit_train_add_replay(&base_train, app.workspace, BASE_TRAIN_TAP(app_arena)));
}

static int train(void)
{
    int32_t budget = number();
    if (budget < 0) {
        return MCUEDIT_E_COMMAND;
    }
#ifdef MCUEDIT_PROBE
    port_probe_begin();
#endif
    int err = mcuedit_train_step(&base_train, app.workspace, budget == 0 ? UINT32_MAX : (uint32_t)budget);
#ifdef MCUEDIT_PROBE
    mcuedit_probe();
#endif
    if (err < 0) {
        return err;
    }
    port_print(err == MCUEDIT_TRAIN_MORE ? "more " : "done ");
    port_print_unsigned(((const mcuedit_train_state *)app.workspace)->step);
    port_print("\n");
    return MCUEDIT_OK;
}

static void print_bytes(const void *bytes, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++) {
        port_print_hex(((const uint8_t *)bytes)[i], 2);
    }
    port_print("\n");
}

/* Whatever is refused leaves in force what was. */
static int adopt(void)
{
    char label[LABEL_MAX];
    uint8_t length = 0, count = app.set.count;
    for (int byte = line_byte(); byte != LINE_END; byte = line_byte()) {
        if (length == LABEL_MAX) {
            return MCUEDIT_E_SIZE;
        }
        label[length++] = (char)byte;
    }
    if (count == LEARN_ADAPTERS) {
        return MCUEDIT_E_FULL;
    }
    void *bytes = app.bytes[count];
    int size = mcuedit_train_result(&base_train, app.workspace, length ? label : 0, length, bytes, ADAPTER_MAX);
    if (size < 0) {
        return size;
    }
    int err = mcuedit_adapter_open(&app.adapters[count], &MODEL_BASE, bytes, (uint32_t)size);
    app.active[count] = &app.adapters[count];
    mcuedit_set more = {app.active, (uint8_t)(count + 1u)};
    if (!err) {
        err = mcuedit_stack_set(&app.stack, &more);
    }
    if (err) {
        (void)mcuedit_stack_set(&app.stack, &app.set);
        return err;
    }
    app.set = more;
    (void)mcuedit_stack_set(&app.stack, &app.set);
    (void)begin();
    port_print("adapter ");
    print_bytes(bytes, (uint32_t)size);
    return MCUEDIT_OK;
}

static int drop(void)
{
    app.set.count = 0;
    (void)mcuedit_stack_set(&app.stack, 0);
    return ended(begin());
}

static int dump(void)
{
    port_print("workspace ");
    print_bytes(app.workspace, sizeof(app.workspace));
    return MCUEDIT_OK;
}

static int load(void)
{
    return ended(read_hex((int8_t *)app.workspace, sizeof(app.workspace)));
}

static const line_command commands[] = {LINE_COMMANDS,    {"fix", fix},     {"yes", yes},
                                        {"train", train}, {"adopt", adopt}, {"drop", drop},
                                        {"dump", dump},   {"load", load},   LINE_COMMANDS_END};

int main(void)
{
#ifdef MCUEDIT_PROBE
    port_probe_init();
#endif
    app.error = start();
    line_hello(app.error);
    for (;;) {
        line_serve(port_uart_read(), commands);
    }
}
