/* SPDX-License-Identifier: Apache-2.0 */
/* The controller of the virtual boards (mcuedit/emulate/peripherals/controllers.py): data by registers, one unit or
 * page at once.
 */
#include "flash.h"

#define REGISTER(offset) (*(volatile uint32_t *)(PORT_FLASH_CONTROLLER + (offset)))
#define KEY              REGISTER(0x00u)
#define COMMAND          REGISTER(0x04u)
#define STATUS           REGISTER(0x08u)
#define ADDRESS          REGISTER(0x0Cu)
#define DATA(word)       REGISTER(0x20u + 4u * (word))

#define COMMAND_LOCKED   (1u << 31) /* read */
#define COMMAND_LOCK     0u
#define COMMAND_PROGRAM  1u
#define COMMAND_ERASE    2u
#define STATUS_BUSY      0x1u

static int wait(void)
{
    return port_flash_wait(&STATUS, STATUS_BUSY, 0);
}

static int run(uint32_t address, uint32_t command)
{
    ADDRESS = address;
    COMMAND = command;
    return wait();
}

int port_flash_unlock(void)
{
    static const uint32_t keys[] = {0x6D637565u, 0x64697431u};
    int err = wait();
    return err ? err : port_flash_open(&KEY, keys, &COMMAND, COMMAND_LOCKED);
}

void port_flash_lock(void)
{
    if (!wait()) {
        COMMAND = COMMAND_LOCK;
    }
}

int port_flash_erase_page(uint32_t address, uint32_t page)
{
    (void)page;
    return run(address, COMMAND_ERASE);
}

int port_flash_program_unit(uint32_t address, const uint32_t *unit)
{
    for (uint32_t i = 0; i < (PORT_FLASH_UNIT + 3u) / 4u; i++) {
        DATA(i) = unit[i];
    }
    return run(address, COMMAND_PROGRAM);
}
