/* SPDX-License-Identifier: Apache-2.0 */
/* Arm CMSDK APB UART (Cortex-M System Design Kit), polled. */
#include "port.h"

#define UART_DATA      (*(volatile uint32_t *)(PORT_UART_BASE + 0x00u))
#define UART_STATE     (*(volatile uint32_t *)(PORT_UART_BASE + 0x04u))
#define UART_CTRL      (*(volatile uint32_t *)(PORT_UART_BASE + 0x08u))
#define UART_BAUDDIV   (*(volatile uint32_t *)(PORT_UART_BASE + 0x10u))

#define STATE_TX_FULL  0x1u
#define STATE_RX_FULL  0x2u
#define CTRL_TX_ENABLE 0x1u
#define CTRL_RX_ENABLE 0x2u
#define BAUDDIV_MIN    16u /* the smallest the UART accepts: as fast as it goes */

void port_uart_init(void)
{
    UART_BAUDDIV = BAUDDIV_MIN;
    UART_CTRL = CTRL_TX_ENABLE | CTRL_RX_ENABLE;
    (void)UART_DATA; /* drops what came before; QEMU looks for input only after a read */
}

uint8_t port_uart_read(void)
{
    while ((UART_STATE & STATE_RX_FULL) == 0) {
    }
    return (uint8_t)UART_DATA;
}

void port_uart_write(uint8_t byte)
{
    while ((UART_STATE & STATE_TX_FULL) != 0) {
    }
    UART_DATA = byte;
}
