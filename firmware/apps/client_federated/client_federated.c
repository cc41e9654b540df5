/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of federated training: the line protocol (SPEC.md, section 5) and what a round takes (section 12).
 *
 * The adapter compiled in is copied to RAM, where each round replaces its B.
 *
 * With APP_RANDOM, the name of a function `uint32_t name(void)` that gives 32 bits of the board's true random number
 * generator, there is the command `noise`. Virtual boards have no such generator: tests define APP_TEST_RANDOM, the
 * seed of a pseudorandom one, which hides nothing from whoever knows it.
 */
#include "mcuedit/federate.h"

#include <stddef.h>

#include "apps/common/app.h"
#include "apps/common/line.h"
#include "mcuedit/kernels.h"
#include "port/port.h"

#define ADAPTER_MAX  24576 /* bytes of the adapter */
#define GRADIENT_MAX 8192  /* elements of B */

MCUEDIT_ALIGNED(4) int8_t app_arena[MODEL_ARENA_SIZE];
mcuedit_context app_context;

static struct {
    uint32_t bytes[ADAPTER_MAX / 4];
    mcuedit_adapter adapter;
    const mcuedit_adapter *active[1];
    mcuedit_set set;
    int8_t h[APP_RANK];
    int8_t b[GRADIENT_MAX];
    int32_t gradient[GRADIENT_MAX];
    uint32_t size;        /* elements of B */
    uint32_t late;        /* examples that had something to say */
    uint32_t clip, sigma; /* of what `sum` gives; sigma 0: as it is */
    int error;
} app;

#if defined(APP_RANDOM)
#define NOISE 1
extern uint32_t APP_RANDOM(void);
static uint32_t draw(void *context)
{
    (void)context;
    return APP_RANDOM();
}
#elif defined(APP_TEST_RANDOM)
#define NOISE 1
/* xorshift32 (Marsaglia, 2003) */
static uint32_t draw(void *context)
{
    static uint32_t x = APP_TEST_RANDOM;
    (void)context;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return x;
}
#endif

int app_infer(void)
{
    return app.error ? app.error : MODEL_INFER(&app_context, APP_INPUT, APP_OUTPUT, app_arena);
}

static int start(void)
{
    mcuedit_context_init(&app_context, &MODEL_BASE, app.h, sizeof(app.h));
    int err = MODEL_START(&app_context, app_arena);
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
    return mcuedit_context_set(&app_context, &app.set);
}

/* `b HEX`: B of this round. */
static int replace(void)
{
    int err = line_hex(app.b, app.size);
    return line_ok(err ? err : mcuedit_federate_replace(app.bytes, app.b));
}

/* A number, and the byte behind it. */
static int number(uint32_t *value)
{
    int byte = line_byte();
    for (*value = 0; byte >= '0' && byte <= '9' && *value < UINT16_MAX; byte = line_byte()) {
        *value = *value * 10u + (uint32_t)(byte - '0');
    }
    return byte;
}

/* `fix CLASS TEXT`: an example of the device's own. */
static int fix(void)
{
    uint32_t wanted;
    if (number(&wanted) != ' ') {
        return MCUEDIT_E_COMMAND;
    }
    int err = wanted < MODEL_LOGITS_SIZE ? line_prompt() : MCUEDIT_E_FIELD;
    if (!err) {
        err = app_infer();
    }
    if (err) {
        return err;
    }
    const int8_t *logits = MODEL_LOGITS(app_arena, APP_OUTPUT);
    int late = mcuedit_federate_example(&app.adapter, app.h, logits, MODEL_LOGITS_SIZE, (uint16_t)wanted,
                                        MCUEDIT_FEDERATE_MARGIN, app.gradient);
    if (late < 0) {
        return late;
    }
    app.late += (uint32_t)late;
    return line_ok(MCUEDIT_OK);
}

#ifdef NOISE
/* `noise CLIP SIGMA`: from here on a sum is clipped to an L2 norm and has noise on it. Nothing but a reset takes it
 * back. */
static int noise(void)
{
    uint32_t clip, sigma;
    if (number(&clip) != ' ' || number(&sigma) != LINE_END) {
        return MCUEDIT_E_COMMAND;
    }
    if (app.sigma != 0) {
        return MCUEDIT_E_STATE;
    }
    if (clip == 0 || clip > MCUEDIT_CLIP_MAX || sigma == 0 || sigma > MCUEDIT_SIGMA_MAX) {
        return MCUEDIT_E_FIELD;
    }
    app.clip = clip;
    app.sigma = sigma;
    return line_ok(MCUEDIT_OK);
}

static void hide(void)
{
    const mcuedit_random random = {NULL, draw};
    mcuedit_clip(app.gradient, app.size, app.clip);
    for (uint32_t i = 0; i < app.size; i++) {
        app.gradient[i] += mcuedit_discrete_gaussian(&random, app.sigma);
    }
    app.late = 0; /* an exact count would tell, too */
}
#endif

/* `sum`: how many examples had something to say, and the gradient, which is then 0 again. */
static int sum(void)
{
#ifdef NOISE
    if (app.sigma) {
        hide();
    }
#endif
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

#ifdef NOISE
#define COMMANDS_OF_NOISE {"noise", noise},
#else
#define COMMANDS_OF_NOISE
#endif
static const line_command commands[] = {
    LINE_COMMANDS, {"b", replace}, {"fix", fix}, {"sum", sum}, COMMANDS_OF_NOISE LINE_COMMANDS_END};

int main(void)
{
    app.error = start();
    line_hello(app.error);
    for (;;) {
        line_serve(port_uart_read(), commands);
    }
}
