/* SPDX-License-Identifier: Apache-2.0 */
#include "teach.h"

#include "app.h"
#include "line.h"
#include "port.h"

#define TEXT_MAX 255u

int32_t teach_number(void)
{
    int32_t value = -1;
    int byte = line_byte();
    for (; byte >= '0' && byte <= '9' && value < 100000000; byte = line_byte()) {
        value = (value < 0 ? 0 : value * 10) + (byte - '0');
    }
    return byte == ' ' || byte == LINE_END ? value : -1;
}

int teach_hex(int8_t *to, uint32_t size)
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

int teach_infer(void)
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
    int err = teach_hex(APP_INPUT, MODEL_INPUT_SIZE);
    if (err) {
        return err;
    }
#endif
    return app_infer();
}

int teach_label(char label[TEACH_LABEL], uint8_t *length)
{
    *length = 0;
    for (int byte = line_byte(); byte != LINE_END; byte = line_byte()) {
        if (*length == TEACH_LABEL) {
            return MCUEDIT_E_SIZE;
        }
        label[(*length)++] = (char)byte;
    }
    return MCUEDIT_OK;
}

int teach_done(int err)
{
    if (!err) {
        port_print("ok\n");
    }
    return err;
}

void teach_print(const void *bytes, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++) {
        port_print_hex(((const uint8_t *)bytes)[i], 2);
    }
    port_print("\n");
}
