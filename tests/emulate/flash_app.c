/* SPDX-License-Identifier: Apache-2.0 */
/* Drives the flash of its board: a letter for what, a digit for the page, an answer for each. */
#include "port/flash.h"
#include "port/port.h"

#define AMOUNT (2u * PORT_FLASH_UNIT)

static uint8_t pattern[AMOUNT];

static uint32_t offset_of(uint32_t page)
{
    return page * PORT_FLASH_PAGE;
}

static void answer(int err)
{
    port_print(err ? mcuedit_error_name(err) : "ok");
    port_print("\n");
}

static void show(const uint8_t *bytes, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++) {
        port_print_hex(bytes[i], 2);
    }
    port_print("\n");
}

static void program_without_a_look(uint32_t page, int unlock)
{
    static uint32_t unit[(PORT_FLASH_UNIT + 3) / 4];
    if (unlock) {
        (void)port_flash_unlock();
    }
    (void)port_flash_program_unit(PORT_FLASH + offset_of(page), unit);
    port_flash_lock();
    answer(0);
}

static void read_back(uint32_t page)
{
    uint8_t bytes[AMOUNT];
    int err = port_flash.read(port_flash.context, offset_of(page), bytes, sizeof(bytes));
    if (err) {
        answer(err);
    } else {
        show(bytes, sizeof(bytes));
    }
}

static void serve(uint8_t command, uint32_t page)
{
    switch (command) {
    case 'e':
        answer(port_flash.erase(port_flash.context, offset_of(page), PORT_FLASH_PAGE));
        break;
    case 'p':
        for (uint32_t i = 0; i < AMOUNT; i++) {
            pattern[i] = (uint8_t)(16u * page + i + 1u);
        }
        answer(port_flash.program(port_flash.context, offset_of(page), pattern, AMOUNT));
        break;
    case 'r':
        read_back(page);
        break;
    case 'm': /* as the core reads it */
        show(port_flash.mapped + offset_of(page), AMOUNT);
        break;
    case 'u': /* no whole unit, no whole page, beyond the end */
        answer(port_flash.program(port_flash.context, offset_of(page), pattern, PORT_FLASH_UNIT - 1));
        answer(port_flash.erase(port_flash.context, offset_of(page) + PORT_FLASH_UNIT, PORT_FLASH_PAGE));
        answer(port_flash.erase(port_flash.context, PORT_FLASH_SIZE, PORT_FLASH_PAGE));
        answer(port_flash.read(port_flash.context, PORT_FLASH_SIZE - 1, pattern, 2));
        break;
    case 'x':
        program_without_a_look(page, 1);
        break;
    case 'l':
        program_without_a_look(page, 0);
        break;
    case 'w':
        *(volatile uint32_t *)(PORT_FLASH + offset_of(page)) = 0;
        answer(0);
        break;
    case 'd': /* as a bootloader may leave it */
        (void)port_flash_unlock();
        answer(0);
        break;
    default:
        port_restart();
    }
}

int main(void)
{
    port_flash_start();
    port_print("flash ready\n");
    for (;;) {
        uint8_t command = port_uart_read();
        uint32_t page = port_uart_read() - (uint32_t)'0';
        (void)port_uart_read(); /* the line's end */
        serve(command, page);
    }
}
