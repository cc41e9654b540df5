/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STM32 USART of the second kind (F0, F3, F7, G0, H7, L4, L5, WBA: registers ISR, RDR and TDR), polled; without FIFO.
 * A LPUART is one, too: it divides 256 times its clock, so that is what its board.toml gives.
 */
#include "port.h"

#define USART_CR1  (*(volatile uint32_t *)(PORT_UART_BASE + 0x00u))
#define USART_CR3  (*(volatile uint32_t *)(PORT_UART_BASE + 0x08u))
#define USART_BRR  (*(volatile uint32_t *)(PORT_UART_BASE + 0x0Cu))
#define USART_ISR  (*(volatile uint32_t *)(PORT_UART_BASE + 0x1Cu))
#define USART_RDR  (*(volatile uint32_t *)(PORT_UART_BASE + 0x24u))
#define USART_TDR  (*(volatile uint32_t *)(PORT_UART_BASE + 0x28u))

#define CR1_UE     0x1u
#define CR1_RE     0x4u
#define CR1_TE     0x8u
#define CR3_OVRDIS 0x1000u
#define ISR_RXNE   0x20u
#define ISR_TXE    0x80u

#define BAUDRATE   115200u

#ifndef PORT_UART_CLOCK
#error "board.toml: this driver needs uart.clock"
#endif

void port_uart_init(void)
{
    USART_BRR = (PORT_UART_CLOCK + BAUDRATE / 2u) / BAUDRATE;
    USART_CR3 = CR3_OVRDIS; /* else a byte that nobody reads in time stops all that follow */
    USART_CR1 = CR1_UE | CR1_TE | CR1_RE;
}

uint8_t port_uart_read(void)
{
    while ((USART_ISR & ISR_RXNE) == 0) {
    }
    return (uint8_t)USART_RDR;
}

void port_uart_write(uint8_t byte)
{
    while ((USART_ISR & ISR_TXE) == 0) {
    }
    USART_TDR = byte;
}
