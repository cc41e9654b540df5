/* SPDX-License-Identifier: Apache-2.0 */
/* The same app as a shared library for the host: a flat interface for ctypes (mcuedit/emulate/backends/host.py). */
#include "apps/common/app.h"

MCUEDIT_EXPORT int host_start(void);
MCUEDIT_EXPORT void host_reset(void);
MCUEDIT_EXPORT int host_use(const uint8_t *mask);
MCUEDIT_EXPORT int host_run(const int8_t *inputs, uint32_t n, int8_t *outputs, uint16_t *answers);
MCUEDIT_EXPORT const char *host_label(uint16_t answer, uint8_t *length);
MCUEDIT_EXPORT void host_features(const char *text, uint32_t length, int8_t *features, uint32_t n);
MCUEDIT_EXPORT const char *host_error(int error);

static void copy(int8_t *to, const int8_t *from, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++) {
        to[i] = from[i];
    }
}

int host_start(void)
{
    return app_start();
}

/* What lasts from one inference to the next starts anew. */
void host_reset(void)
{
#ifdef MODEL_RESET /* of a base that keeps something */
    MODEL_RESET(app_arena);
#endif
}

int host_use(const uint8_t *mask)
{
    return app_use(mask);
}

/* `n` inferences; `answers` gets the class of each. */
int host_run(const int8_t *inputs, uint32_t n, int8_t *outputs, uint16_t *answers)
{
    int err = MCUEDIT_OK;
    for (uint32_t i = 0; !err && i < n; i++) {
        copy(APP_INPUT, inputs + (uintptr_t)i * MODEL_INPUT_SIZE, MODEL_INPUT_SIZE);
        err = app_infer();
        copy(outputs + (uintptr_t)i * MODEL_OUTPUT_SIZE, APP_OUTPUT, MODEL_OUTPUT_SIZE);
        answers[i] = app_answer();
    }
    return err;
}

const char *host_label(uint16_t answer, uint8_t *length)
{
    return app_label(answer, length);
}

void host_features(const char *text, uint32_t length, int8_t *features, uint32_t n)
{
    mcuedit_text_features(text, length, features, n);
}

const char *host_error(int error)
{
    return mcuedit_error_name(error);
}
