/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STM32F4 and F7 with one bank: RM0090 and RM0385, chapter 3: "Erase and program operations", registers.
 *
 * Sectors 0..3 and 4 are smaller than the others and together as large as one of those; hence the sector of an address
 * behind them is the number of the erase page plus 4. Words (PSIZE x32) need a supply of 2.7 V, as the boards have.
 */
#include "flash.h"

#define REGISTER(offset) (*(volatile uint32_t *)(PORT_FLASH_CONTROLLER + (offset)))
#define KEYR             REGISTER(0x04u)
#define SR               REGISTER(0x0Cu)
#define CR               REGISTER(0x10u)

#define SR_BSY           (1u << 16)
#define SR_FLAGS         0xF3u /* EOP, OPERR, WRPERR, PGAERR, PGPERR, PGSERR (F7: ERSERR): written to be cleared */
#define CR_PG            (1u << 0)
#define CR_SER           (1u << 1)
#define CR_SNB_POSITION  3u
#define CR_PSIZE_WORD    (2u << 8)
#define CR_STRT          (1u << 16)
#define CR_LOCK          (1u << 31)

#define SMALL_SECTORS    4u

static int wait(void)
{
    return port_flash_wait(&SR, SR_BSY, 0);
}

int port_flash_unlock(void)
{
    static const uint32_t keys[] = PORT_FLASH_STM32_KEYS;
    int err = wait();
    if (!err) {
        err = port_flash_open(&KEYR, keys, &CR, CR_LOCK);
        SR = SR_FLAGS;
    }
    return err;
}

/* A part that is busy refuses it; one that stays so is locked by its next reset. */
void port_flash_lock(void)
{
    if (!wait()) {
        CR = CR_LOCK;
    }
}

int port_flash_erase_page(uint32_t address, uint32_t page)
{
    (void)address;
    uint32_t sector = page + SMALL_SECTORS;
    CR = CR_PSIZE_WORD | CR_SER | sector << CR_SNB_POSITION;
    CR |= CR_STRT;
    return wait();
}

int port_flash_program_unit(uint32_t address, const uint32_t *unit)
{
    CR = CR_PSIZE_WORD | CR_PG;
    *(volatile uint32_t *)address = *unit;
    return wait();
}
