/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that plays flash, on boards of which only emulators run: it survives a reset, not the emulator's end. */
#include "flash.h"

static void fill(uint32_t address, uint32_t size, uint32_t value)
{
    volatile uint32_t *words = (volatile uint32_t *)address;
    for (uint32_t i = 0; i < size / 4u; i++) {
        words[i] = value;
    }
}

/* Emulators start memory with zeros, which no journal page begins with: erased is all ones, as in flash. */
void port_flash_start(void)
{
    for (uint32_t i = 0; i < PORT_FLASH_JOURNAL; i++) {
        if (*(volatile const uint32_t *)(PORT_FLASH + i * PORT_FLASH_PAGE) != 0) {
            return;
        }
    }
    fill(PORT_FLASH, PORT_FLASH_SIZE, UINT32_MAX);
}

int port_flash_unlock(void)
{
    return MCUEDIT_OK;
}

void port_flash_lock(void)
{
}

int port_flash_erase_page(uint32_t address, uint32_t page)
{
    (void)page;
    fill(address, PORT_FLASH_PAGE, UINT32_MAX);
    return MCUEDIT_OK;
}

/* Bits go from 1 to 0 only. */
int port_flash_program_unit(uint32_t address, const uint32_t *unit)
{
    volatile uint32_t *words = (volatile uint32_t *)address;
    for (uint32_t i = 0; i < PORT_FLASH_UNIT / 4u; i++) {
        words[i] = words[i] & unit[i];
    }
    return MCUEDIT_OK;
}
