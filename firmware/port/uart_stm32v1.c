/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STM32 USART of the first kind (F1, F2, F4, L1: registers SR and DR). Reading SR, then DR, also clears an overrun:
 * what was lost is lost, the next byte arrives.
 */
#define STATUS   REGISTER(0x00u) /* SR */
#define RECEIVED REGISTER(0x04u) /* DR */
#define SENT     RECEIVED
#define BRR      REGISTER(0x08u)
#define CR1      REGISTER(0x0Cu)

#define CR1_RE   0x0004u
#define CR1_TE   0x0008u
#define CR1_UE   0x2000u

#include "uart_stm32.h"

void port_uart_init(void)
{
    start();
}
