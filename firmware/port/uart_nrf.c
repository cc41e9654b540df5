/* SPDX-License-Identifier: Apache-2.0 */
/* Nordic UARTE: bytes move by DMA, hence from and to RAM, one at a time. */
#include "port.h"

#define REGISTER(offset) (*(volatile uint32_t *)(PORT_UART_BASE + (offset)))
#define TASKS_STARTRX    REGISTER(0x000u)
#define TASKS_STARTTX    REGISTER(0x008u)
#define EVENTS_ENDRX     REGISTER(0x110u)
#define EVENTS_ENDTX     REGISTER(0x120u)
#define ENABLE           REGISTER(0x500u)
#define BAUDRATE         REGISTER(0x524u)
#define RXD_PTR          REGISTER(0x534u)
#define RXD_MAXCNT       REGISTER(0x538u)
#define TXD_PTR          REGISTER(0x544u)
#define TXD_MAXCNT       REGISTER(0x548u)

#define ENABLE_UARTE     8u
#define BAUDRATE_115200  0x01D60000u
#define BARRIER()        __asm volatile("dmb" ::: "memory")

/* DMA reaches them behind the compiler's back. */
static volatile uint8_t received;
static volatile uint8_t to_send;

void port_uart_init(void)
{
    BAUDRATE = BAUDRATE_115200;
    ENABLE = ENABLE_UARTE;
    RXD_PTR = (uint32_t)(uintptr_t)&received;
    RXD_MAXCNT = 1;
    TXD_PTR = (uint32_t)(uintptr_t)&to_send;
    TXD_MAXCNT = 1;
    TASKS_STARTRX = 1;
}

uint8_t port_uart_read(void)
{
    while (EVENTS_ENDRX == 0) {
    }
    uint8_t byte = received;
    BARRIER();
    EVENTS_ENDRX = 0; /* before the start: the next byte may wait in the UART's FIFO */
    TASKS_STARTRX = 1;
    return byte;
}

void port_uart_write(uint8_t byte)
{
    to_send = byte;
    BARRIER();
    EVENTS_ENDTX = 0;
    TASKS_STARTTX = 1;
    while (EVENTS_ENDTX == 0) {
    }
}
