/* SPDX-License-Identifier: Apache-2.0 */
/* The inference server: commands in, replies out, one line each (SPEC.md, section 5). */
#include "apps/common/app.h"
#include "apps/common/line.h"
#include "port/port.h"
#if MCUEDIT_TRACE
#include "port/trace.h"
#endif

/* The mask is shifted in from the right, digit by digit: it may have as many as it likes, but no bit without adapter.
 */
static int use(void)
{
    uint8_t mask[APP_MASK_SIZE] = {0};
    int digit = line_digit();
    if (digit < 0) {
        return MCUEDIT_E_COMMAND;
    }
    for (; digit != LINE_END; digit = line_digit()) {
        if (digit < 0) {
            return digit;
        }
        uint8_t carry = (uint8_t)digit;
        for (uint32_t i = 0; i < APP_MASK_SIZE; i++) {
            uint8_t out = mask[i] >> 4;
            mask[i] = (uint8_t)(mask[i] << 4 | carry);
            carry = out;
        }
        if (carry != 0 || mask[APP_ADAPTERS / 8] >> (APP_ADAPTERS % 8) != 0) {
            return MCUEDIT_E_COMMAND;
        }
    }
    return line_ok(app_use(mask));
}

static const line_command commands[] = {LINE_COMMANDS, {"use", use}, LINE_COMMANDS_END};

int main(void)
{
#if MCUEDIT_TRACE
    port_trace_init();
#endif
    line_hello(app_start());
    for (;;) {
        line_serve(port_uart_read(), commands);
    }
}
