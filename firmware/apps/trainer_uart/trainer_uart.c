/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device that learns from corrections: the line protocol (SPEC.md, sections 5 and 13) and
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
#include "apps/common/app.h"
#include "base_train.h"
#include "apps/common/line.h"
#include "mcuedit/kernels.h"
#include "port/port.h"
#include "apps/common/correction.h"
#if MCUEDIT_TRACE
#include "port/trace.h"
#endif

#define ADAPTER_MAX ((uint32_t)BASE_TRAIN_ADAPTER(CORRECTION_LABEL))
#ifndef LEARN_ADAPTERS
#define LEARN_ADAPTERS 4u /* learned one after the other, all in force */
#endif

MCUEDIT_ALIGNED(4) int8_t app_arena[MODEL_ARENA_SIZE];
mcuedit_context app_context;

static struct {
    base_train_workspace workspace;
    uint32_t bytes[LEARN_ADAPTERS][(ADAPTER_MAX + 3u) / 4u];
    mcuedit_adapter adapters[LEARN_ADAPTERS];
    const mcuedit_adapter *active[LEARN_ADAPTERS];
    mcuedit_set set;
    int8_t h[LEARN_ADAPTERS];
    int error;
} app;

int app_infer(void)
{
    return app.error ? app.error : MODEL_INFER(&app_context, APP_INPUT, APP_OUTPUT, app_arena);
}

static int begin(void)
{
    return mcuedit_train_init(&base_train, &app.workspace.state, sizeof(app.workspace), 1);
}

static int start(void)
{
    mcuedit_context_init(&app_context, &MODEL_BASE, app.h, sizeof(app.h));
    int err = MODEL_START(&app_context, app_arena);
    return err ? err : begin();
}

static int fix(void)
{
    int32_t wanted = correction_number();
    if (wanted < 0) {
        return MCUEDIT_E_COMMAND;
    }
    int err = wanted < MODEL_LOGITS_SIZE ? correction_infer() : MCUEDIT_E_CLASS;
    return line_ok(err ? err
                       : mcuedit_train_add_correction(&base_train, &app.workspace.state, BASE_TRAIN_TAP(app_arena),
                                                      MODEL_LOGITS(app_arena, APP_OUTPUT), (uint16_t)wanted));
}

static int yes(void)
{
    int err = correction_infer();
    return line_ok(err ? err : mcuedit_train_add_replay(&base_train, &app.workspace.state, BASE_TRAIN_TAP(app_arena)));
}

static int step(uint32_t macs)
{
    return mcuedit_train_step(&base_train, &app.workspace.state, macs);
}

static int train(void)
{
    return correction_train(step, &app.workspace.state);
}

/* Whatever is refused leaves in force what was. */
static int adopt(void)
{
    char label[CORRECTION_LABEL];
    uint8_t length, count = app.set.count;
    int err = correction_label(label, &length);
    if (err || count == LEARN_ADAPTERS) {
        return err ? err : MCUEDIT_E_FULL;
    }
    void *bytes = app.bytes[count];
    int size = mcuedit_train_result(&base_train, &app.workspace.state, length ? label : 0, length, bytes, ADAPTER_MAX);
    if (size < 0) {
        return size;
    }
    err = mcuedit_adapter_open(&app.adapters[count], &MODEL_BASE, bytes, (uint32_t)size);
    app.active[count] = &app.adapters[count];
    mcuedit_set more = {app.active, (uint8_t)(count + 1u)};
    if (!err) {
        err = mcuedit_context_set(&app_context, &more);
    }
    if (err) {
        (void)mcuedit_context_set(&app_context, &app.set);
        return err;
    }
    app.set = more;
    (void)mcuedit_context_set(&app_context, &app.set);
    (void)begin();
    port_print("adapter ");
    correction_print(bytes, (uint32_t)size);
    return MCUEDIT_OK;
}

static int drop(void)
{
    app.set.count = 0;
    (void)mcuedit_context_set(&app_context, 0);
    return line_ok(begin());
}

static int dump(void)
{
    port_print("workspace ");
    correction_print(&app.workspace, sizeof(app.workspace));
    return MCUEDIT_OK;
}

static int load(void)
{
    return line_ok(line_hex((int8_t *)&app.workspace, sizeof(app.workspace)));
}

static const line_command commands[] = {LINE_COMMANDS,    {"fix", fix},     {"yes", yes},
                                        {"train", train}, {"adopt", adopt}, {"drop", drop},
                                        {"dump", dump},   {"load", load},   LINE_COMMANDS_END};

int main(void)
{
#if MCUEDIT_TRACE
    port_trace_init();
#endif
    app.error = start();
    line_hello(app.error);
    for (;;) {
        line_serve(port_uart_read(), commands);
    }
}
