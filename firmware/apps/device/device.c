/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A microcontroller that can be updated: SMP and the line protocol on one UART. Lines that start with 06 or 04 belong
 * to SMP, all others are commands (SPEC.md, sections 5 and 9). With DEVICE_LEARNS it learns, too (learning.h).
 */
#include "device.h"

#include "port/flash.h"
#ifdef DEVICE_LEARNS
#include "apps/device_learning/learning.h"
#else
#define LEARNING_COMMANDS
#endif
#include "apps/common/line.h"
#include "apps/common/updatable.h"
#include "port/port.h"
#if MCUEDIT_TRACE
#include "port/trace.h"
#endif

#if !defined(PORT_FLASH) || PORT_FLASH_JOURNAL == 0
#error "this board has no flash for a store: board.toml names none"
#endif

#define SMP_FIRST 0x06u
#define SMP_NEXT  0x04u
#define WHO_MAX   32u

static uint8_t received[UPDATABLE_BUFFER + 4];
static uint8_t response[UPDATABLE_BUFFER];
static mcuedit_smp_receiver receiver;

static int who(void)
{
    char text[WHO_MAX];
    int size = line_text(text, WHO_MAX);
    if (size < 0) {
        return size;
    }
    port_print("arm ");
    port_print_unsigned(updatable_who((const uint8_t *)text, (uint32_t)size));
    port_print("\n");
    return MCUEDIT_OK;
}

#if DEVICE_CONSOLE
static int tell(uint8_t good)
{
    if (line_byte() != LINE_END) {
        return MCUEDIT_E_COMMAND;
    }
    updatable_outcome(good);
    return line_ok(MCUEDIT_OK);
}

static int good(void)
{
    return tell(1);
}

static int bad(void)
{
    return tell(0);
}

#define OUTCOME_COMMANDS {"good", good}, {"bad", bad},
#else
#define OUTCOME_COMMANDS
#endif

static const line_command commands[] = {
    LINE_COMMANDS, {"who", who}, OUTCOME_COMMANDS LEARNING_COMMANDS LINE_COMMANDS_END};

static void write_byte(void *context, uint8_t byte)
{
    (void)context;
    port_uart_write(byte);
}

static void serve_frame(uint8_t byte)
{
    int waits = mcuedit_smp_receive(&receiver, byte);
    while (byte != '\n') {
        byte = port_uart_read();
        waits = mcuedit_smp_receive(&receiver, byte);
    }
    if (!waits) {
        return;
    }
    uint32_t size = 0;
    const uint8_t *request = mcuedit_smp_message(&receiver, &size);
    uint32_t made = updatable_handle(request, size, response, sizeof(response));
    mcuedit_smp_release(&receiver);
    if (made > 0) {
        mcuedit_smp_send(response, made, write_byte, 0);
    }
    if (updatable_wants_reset()) {
        port_restart();
    }
}

static int start(void)
{
#ifdef DEVICE_LEARNS
    static mcuedit_flash flash;
    flash = learning_flash(&port_flash);
    int err = updatable_start(DEVICE_ID, &flash), learning = learning_start();
    return err ? err : learning;
#else
    return updatable_start(DEVICE_ID, &port_flash);
#endif
}

int main(void)
{
#if MCUEDIT_TRACE
    port_trace_init();
#endif
    port_flash_start();
    mcuedit_smp_receiver_init(&receiver, received, sizeof(received));
    line_hello(start());
    for (;;) {
        uint8_t byte = port_uart_read();
        if (byte == SMP_FIRST || byte == SMP_NEXT) {
            serve_frame(byte);
        } else {
            line_serve(byte, commands);
        }
    }
}
