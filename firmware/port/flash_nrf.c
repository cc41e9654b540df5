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

static int wait(void)
{
    return port_flash_wait(&READY, READY_READY, READY_READY);
}

static int configure(uint32_t what)
{
    int err = wait();
    if (!err) {
        CONFIG = what;
        __asm volatile("dsb" ::: "memory");
    }
    return err;
}

int port_flash_unlock(void)
{
    return wait();
}

void port_flash_lock(void)
{
    (void)configure(CONFIG_READ);
}

int port_flash_erase_page(uint32_t address, uint32_t page)
{
    (void)page;
    int err = configure(CONFIG_ERASE);
    if (err) {
        return err;
    }
    ERASEPAGE = address;
    return wait();
}

/* A word; each may be written twice before its page is erased again, of which the store uses one. */
int port_flash_program_unit(uint32_t address, const uint32_t *unit)
{
    int err = configure(CONFIG_WRITE);
    if (err) {
        return err;
    }
    *(volatile uint32_t *)address = *unit;
    return wait();
}
