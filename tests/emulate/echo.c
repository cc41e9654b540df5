/* SPDX-License-Identifier: Apache-2.0 */
/* Writes back what it reads; some bytes make it misbehave. */
#include "port/port.h"
#include "port/trace.h"

static const uint32_t initialized[] = {1, 2, 3};
static volatile uint32_t data = 42;
static volatile uint32_t zeroed;

static uint32_t deep(uint32_t n)
{
    volatile uint8_t block[1024];
    block[n % sizeof(block)] = (uint8_t)n;
    return n == 0 ? block[0] : deep(n - 1) + block[n % sizeof(block)];
}

int main(void)
{
    port_trace_init();
    port_print("echo ready ");
    port_print_unsigned(data + zeroed + initialized[2]);
    port_print("\n");
    for (;;) {
        uint8_t byte = port_uart_read();
        switch (byte) {
        case '!': /* an instruction that no core has */
            __asm volatile("udf #0");
            break;
        case '@': /* an address where nothing is */
            *(volatile uint32_t *)0xF0000000u = 1;
            break;
        case '~': /* hangs */
            for (;;) {
                __asm volatile("nop");
            }
        case '%': /* uses some 4 KB of stack */
            (void)deep(3);
            break;
        case '&': /* uses more stack than there is */
            (void)deep(1000);
            break;
        case '$':
            port_print_unsigned(port_stack_peak());
            break;
        case '#': /* 1,000 turns of three instructions between two trace points */
            port_trace_begin();
            __asm volatile(".syntax unified\n movs r0, #250\n lsls r0, r0, #2\n 1: nop\n subs r0, r0, #1\n bne 1b" ::
                               : "r0", "cc");
            mcuedit_trace();
            for (uint32_t i = 0; i < port_trace_count(); i++) {
                port_print_unsigned(port_trace_ticks(i));
                port_print(" ");
            }
            break;
        default:
            port_uart_write(byte);
        }
    }
}
