/* SPDX-License-Identifier: Apache-2.0 */
/* STM32 USART of the first kind (F1, F2, F4, L1: registers SR and DR), polled. */
#include "port.h"

#define USART_SR  (*(volatile uint32_t *)(PORT_UART_BASE + 0x00u))
#define USART_DR  (*(volatile uint32_t *)(PORT_UART_BASE + 0x04u))
#define USART_BRR (*(volatile uint32_t *)(PORT_UART_BASE + 0x08u))
#define USART_CR1 (*(volatile uint32_t *)(PORT_UART_BASE + 0x0Cu))

#define SR_RXNE   0x20u
#define SR_TXE    0x80u
#define CR1_RE    0x0004u
#define CR1_TE    0x0008u
#define CR1_UE    0x2000u

#define BAUDRATE  115200u

#ifndef PORT_UART_CLOCK
#error "board.toml: this driver needs uart.clock"
#endif

void port_uart_init(void)
{
    USART_BRR = (PORT_UART_CLOCK + BAUDRATE / 2u) / BAUDRATE;
    USART_CR1 = CR1_UE | CR1_TE | CR1_RE;
}

/* Reading SR, then DR, also clears an overrun: what was lost is lost, the next byte arrives. */
uint8_t port_uart_read(void)
{
    while ((USART_SR & SR_RXNE) == 0) {
    }
    return (uint8_t)USART_DR;
}

void port_uart_write(uint8_t byte)
{
    while ((USART_SR & SR_TXE) == 0) {
    }
    USART_DR = byte;
}
