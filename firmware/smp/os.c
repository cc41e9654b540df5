/* SPDX-License-Identifier: Apache-2.0 */
/* Group 0: echo, reset, parameters of the transport. */
#include "message.h"

static int echo(mcuedit_smp_exchange *exchange)
{
    struct zcbor_string text;
    mcuedit_smp_field field = {MCUEDIT_SMP_KEY_ECHO, MCUEDIT_SMP_TEXT, &text, false};
    int err = mcuedit_smp_fields(exchange, &field, 1);
    if (err || !field.present) {
        return MCUEDIT_SMP_INVALID;
    }
    return mcuedit_smp_done(
        mcuedit_smp_put_text(exchange, MCUEDIT_SMP_KEY_ECHOED, (const char *)text.value, (uint32_t)text.len));
}

static int reset(mcuedit_smp_exchange *exchange)
{
    const mcuedit_smp_config *config = exchange->smp->config;
    int err = mcuedit_smp_fields(exchange, NULL, 0);
    if (err) {
        return err;
    }
    return config->reset ? config->reset(config->context) : MCUEDIT_SMP_UNSUPPORTED;
}

static int parameters(mcuedit_smp_exchange *exchange)
{
    const mcuedit_smp_config *config = exchange->smp->config;
    bool ok = mcuedit_smp_put_uint(exchange, MCUEDIT_SMP_KEY_BUFFER_SIZE, config->buffer_size);
    return mcuedit_smp_done(ok && mcuedit_smp_put_uint(exchange, MCUEDIT_SMP_KEY_BUFFER_COUNT, config->buffer_count));
}

const mcuedit_smp_command mcuedit_smp_os[] = {
    [MCUEDIT_SMP_COMMAND_OS_ECHO] = {.read = echo, .write = echo},
    [MCUEDIT_SMP_COMMAND_OS_RESET] = {.write = reset},
    [MCUEDIT_SMP_COMMAND_OS_PARAMETERS] = {.read = parameters},
};
const uint8_t mcuedit_smp_os_count = sizeof(mcuedit_smp_os) / sizeof(mcuedit_smp_os[0]);

#if MCUEDIT_AUTHORITY
const uint8_t mcuedit_smp_os_asks[] = {
    [MCUEDIT_SMP_COMMAND_OS_ECHO] = MCUEDIT_ASKS_READ,
    [MCUEDIT_SMP_COMMAND_OS_RESET] = MCUEDIT_ASKS_RESET,
    [MCUEDIT_SMP_COMMAND_OS_PARAMETERS] = MCUEDIT_ASKS_NOBODY,
};
MCUEDIT_STATIC_ASSERT(sizeof(mcuedit_smp_os_asks) == sizeof(mcuedit_smp_os) / sizeof(mcuedit_smp_os[0]),
                      every_command_has_a_class);
#endif
