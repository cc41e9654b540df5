/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an app needs of a board, and what a board's code needs of the linker script (templates/port/link.ld.j2).
 *
 * The build defines PORT_UART_BASE, PORT_UART_CLOCK and PORT_WRITES from board.toml. Everything runs from reset to main
 * in one privileged context.
 */
#ifndef MCUEDIT_PORT_H
#define MCUEDIT_PORT_H

#include <stdint.h>

#include "mcuedit/compiler.h"

/* The console. read and write wait for as long as it takes. */
void port_uart_init(void);
uint8_t port_uart_read(void);
void port_uart_write(uint8_t byte);

/* Text helpers over port_uart_write. */
void port_print(const char *text);
void port_print_unsigned(uint32_t value);
void port_print_hex(uint32_t value, uint32_t digits);

/* Resets the core and all around it; memory stays as it is. */
MCUEDIT_NORETURN void port_restart(void);

/* Bytes of stack used at most since reset: startup.c painted the whole stack. */
uint32_t port_stack_peak(void);

/* Symbols of the linker script. */
extern uint32_t port_data_load[];
extern uint32_t port_data_start[];
extern uint32_t port_data_end[];
extern uint32_t port_bss_start[];
extern uint32_t port_bss_end[];
extern uint32_t port_stack_limit[];
extern uint32_t port_stack_top[];

#endif
