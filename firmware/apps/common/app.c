/* SPDX-License-Identifier: Apache-2.0 */
#include "app.h"

#include "mcuedit/kernels.h"

#define SLOTS (APP_ADAPTERS > 0 ? APP_ADAPTERS : 1)

MCUEDIT_ALIGNED(4) int8_t app_arena[MODEL_ARENA_SIZE];
mcuedit_context app_context;

/* The active set must outlive the inference after the one that replaces it: hence two, in turn. */
static struct {
    int base_error;
    mcuedit_adapter adapters[SLOTS];
    int adapter_errors[SLOTS];
    const mcuedit_adapter *chosen[2][SLOTS];
    mcuedit_set sets[2];
    uint8_t turn;
    int8_t h[APP_RANK];
} app;

int app_start(void)
{
    mcuedit_context_init(&app_context, &MODEL_BASE, app.h, sizeof(app.h));
    app.base_error = MODEL_START(&app_context, app_arena);
    int first_error = app.base_error;
    uint8_t accepted[APP_MASK_SIZE] = {0};
    for (int i = 0; i < APP_ADAPTERS; i++) {
        const mcuedit_blob *blob = &app_adapters[i];
        int err = mcuedit_adapter_open(&app.adapters[i], &MODEL_BASE, blob->bytes, blob->size);
        app.adapter_errors[i] = err;
        if (!err) {
            accepted[i / 8] |= (uint8_t)(1u << (i % 8));
        } else if (!first_error) {
            first_error = err;
        }
    }
    int err = app_use(accepted);
    return first_error ? first_error : err;
}

int app_use(const uint8_t *mask)
{
    uint8_t turn = app.turn ^ 1u;
    uint8_t count = 0;
    for (int i = 0; i < APP_ADAPTERS; i++) {
        if ((mask[i / 8] >> (i % 8) & 1u) != 0) {
            if (app.adapter_errors[i]) {
                return app.adapter_errors[i];
            }
            app.chosen[turn][count++] = &app.adapters[i];
        }
    }
    app.sets[turn].adapters = app.chosen[turn];
    app.sets[turn].count = count;
    int err = mcuedit_context_set(&app_context, &app.sets[turn]);
    if (!err) {
        app.turn = turn;
    }
    return err;
}

int app_infer(void)
{
    return app.base_error ? app.base_error : MODEL_INFER(&app_context, APP_INPUT, APP_OUTPUT, app_arena);
}
