/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the state of a CMSDK UART within an IT block, and writes a byte behind it. */
#include "port/port.h"

int main(void)
{
    port_print("ready\n");
    __asm volatile(".syntax unified\n"
                   "cmp %0, %0\n"
                   "ittt eq\n"
                   "ldreq r2, [%0, #4]\n"
                   "ldreq r2, [%0, #4]\n"
                   "ldreq r2, [%0, #4]\n"
                   "movs r2, #10\n"
                   "str r2, [%0]\n" ::"r"(PORT_UART_BASE)
                   : "r2", "cc", "memory");
    for (;;) {
        (void)port_uart_read();
    }
}
