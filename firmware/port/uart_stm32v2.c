/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STM32 USART of the second kind (F0, F3, F7, G0, H7, L4, L5, WBA: registers ISR, RDR and TDR), without FIFO. A LPUART
 * is one, too: it divides 256 times its clock, so that is what its board.toml gives.
 */
#define CR1        REGISTER(0x00u)
#define CR3        REGISTER(0x08u)
#define BRR        REGISTER(0x0Cu)
#define STATUS     REGISTER(0x1Cu) /* ISR */
#define RECEIVED   REGISTER(0x24u) /* RDR */
#define SENT       REGISTER(0x28u) /* TDR */

#define CR1_UE     0x1u
#define CR1_RE     0x4u
#define CR1_TE     0x8u
#define CR3_OVRDIS 0x1000u

#include "uart_stm32.h"

void port_uart_init(void)
{
    CR3 = CR3_OVRDIS; /* else a byte that nobody reads in time stops all that follow */
    start();
}
