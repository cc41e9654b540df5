/* SPDX-License-Identifier: Apache-2.0 */
/* Nordic NVMC: nRF52840 Product Specification, NVMC: "Writing to flash", "Erasing a page in flash", "Registers". */
#include "flash.h"

#define REGISTER(offset) (*(volatile uint32_t *)(PORT_FLASH_CONTROLLER + (offset)))
#define READY            REGISTER(0x400u)
#define CONFIG           REGISTER(0x504u)
#define ERASEPAGE        REGISTER(0x508u)

#define READY_READY      0x1u
#define CONFIG_READ      0u
#define CONFIG_WRITE     1u
#define CONFIG_ERASE     2u

static void wait(void)
{
    while ((READY & READY_READY) == 0) {
    }
}

static void configure(uint32_t what)
{
    wait();
    CONFIG = what;
    __asm volatile("dsb" ::: "memory");
}

void port_flash_unlock(void)
{
}

void port_flash_lock(void)
{
    configure(CONFIG_READ);
}

void port_flash_erase_page(uint32_t address, uint32_t page)
{
    (void)page;
    configure(CONFIG_ERASE);
    ERASEPAGE = address;
    wait();
}

/* A word; each may be written twice before its page is erased again, of which the store uses one. */
void port_flash_program_unit(uint32_t address, const uint32_t *unit)
{
    configure(CONFIG_WRITE);
    *(volatile uint32_t *)address = *unit;
    wait();
}
