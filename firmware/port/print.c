/* SPDX-License-Identifier: Apache-2.0 */
/* Text over the console. */
#include "port.h"

void port_print(const char *text)
{
    while (*text != '\0') {
        port_uart_write((uint8_t)*text++);
    }
}

/* By subtraction: ARMv6-M has no divider, and its library one is larger than all of this file. */
void port_print_unsigned(uint32_t value)
{
    uint32_t started = 0;
    for (uint32_t below = 10; below-- > 0;) {
        uint32_t power = 1;
        for (uint32_t i = 0; i < below; i++) {
            power *= 10u;
        }
        uint32_t digit = 0;
        while (value >= power) {
            value -= power;
            digit++;
        }
        started |= digit;
        if (started != 0 || below == 0) {
            port_uart_write((uint8_t)('0' + digit));
        }
    }
}

void port_print_hex(uint32_t value, uint32_t digits)
{
    while (digits-- > 0) {
        port_uart_write((uint8_t)"0123456789abcdef"[(value >> (4 * digits)) & 0xFu]);
    }
}
