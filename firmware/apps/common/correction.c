/* SPDX-License-Identifier: Apache-2.0 */
#include "correction.h"

#include "app.h"
#include "line.h"
#include "port/port.h"
#if MCUEDIT_TRACE
#include "port/trace.h"
#endif

int32_t correction_number(void)
{
    int32_t value = -1;
    int byte = line_byte();
    for (; byte >= '0' && byte <= '9' && value < 100000000; byte = line_byte()) {
        value = (value < 0 ? 0 : value * 10) + (byte - '0');
    }
    return byte == ' ' || byte == LINE_END ? value : -1;
}

int correction_infer(void)
{
    int err = MODEL_FEATURES > 0 ? line_prompt() : line_hex(APP_INPUT, MODEL_INPUT_SIZE);
    return err ? err : app_infer();
}

int correction_train(int (*step)(uint32_t macs), const mcuedit_train_state *state)
{
    int32_t macs = correction_number();
    if (macs < 0) {
        return MCUEDIT_E_COMMAND;
    }
#if MCUEDIT_TRACE
    port_trace_begin();
#endif
    int err = step(macs == 0 ? UINT32_MAX : (uint32_t)macs);
#if MCUEDIT_TRACE
    mcuedit_trace();
#endif
    if (err < 0) {
        return err;
    }
    port_print(err == MCUEDIT_TRAIN_MORE ? "more " : "done ");
    port_print_unsigned(state->step);
    port_print("\n");
    return MCUEDIT_OK;
}

int correction_label(char label[CORRECTION_LABEL], uint8_t *length)
{
    *length = 0;
    for (int byte = line_byte(); byte != LINE_END; byte = line_byte()) {
        if (*length == CORRECTION_LABEL) {
            return MCUEDIT_E_SIZE;
        }
        label[(*length)++] = (char)byte;
    }
    return MCUEDIT_OK;
}

void correction_print(const void *bytes, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++) {
        port_print_hex(((const uint8_t *)bytes)[i], 2);
    }
    port_print("\n");
}
