/* SPDX-License-Identifier: Apache-2.0 */
/* What the last inference answered, for every app: all run with app_context. */
#include "app.h"
#include "mcuedit/kernels16.h"

uint16_t app_answer(void)
{
    return (uint16_t)MODEL_ARGMAX(MODEL_LOGITS(app_arena, APP_OUTPUT), MODEL_LOGITS_SIZE);
}

const char *app_label(uint16_t answer, uint8_t *length)
{
    const char *label = mcuedit_context_label(&app_context, answer, length);
    if (label) {
        return label;
    }
    uint32_t n = 0;
    label = MODEL_LABEL(answer);
    if (label) {
        while (label[n] != '\0' && n != UINT8_MAX) {
            n++;
        }
    }
    *length = (uint8_t)n;
    return label;
}
