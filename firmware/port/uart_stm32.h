/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What USARTs of both kinds have in common, polled. The driver that includes this once gives the registers STATUS,
 * RECEIVED, SENT, BRR and CR1, each by REGISTER(offset), and the bits of CR1.
 */
#ifndef MCUEDIT_PORT_UART_STM32_H
#define MCUEDIT_PORT_UART_STM32_H

#include "port.h"

#ifndef PORT_UART_CLOCK
#error "board.toml: this driver needs uart.clock"
#endif

#define REGISTER(offset) (*(volatile uint32_t *)(PORT_UART_BASE + (offset)))

#define STATUS_RXNE      0x20u
#define STATUS_TXE       0x80u

#define BAUDRATE         115200u

static void start(void)
{
    BRR = (PORT_UART_CLOCK + BAUDRATE / 2u) / BAUDRATE;
    CR1 = CR1_UE | CR1_TE | CR1_RE;
}

uint8_t port_uart_read(void)
{
    while ((STATUS & STATUS_RXNE) == 0) {
    }
    return (uint8_t)RECEIVED;
}

void port_uart_write(uint8_t byte)
{
    while ((STATUS & STATUS_TXE) == 0) {
    }
    SENT = byte;
}

#endif
