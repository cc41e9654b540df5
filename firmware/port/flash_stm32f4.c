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

#define KEY_1            0x45670123u
#define KEY_2            0xCDEF89ABu
#define SR_BSY           (1u << 16)
#define SR_FLAGS         0xF3u /* EOP, OPERR, WRPERR, PGAERR, PGPERR, PGSERR (F7: ERSERR): written to be cleared */
#define CR_PG            (1u << 0)
#define CR_SER           (1u << 1)
#define CR_SNB_POSITION  3u
#define CR_PSIZE_WORD    (2u << 8)
#define CR_STRT          (1u << 16)
#define CR_LOCK          (1u << 31)

#define SMALL_SECTORS    4u

static void wait(void)
{
    __asm volatile("dsb" ::: "memory");
    while ((SR & SR_BSY) != 0) {
    }
}

void port_flash_unlock(void)
{
    wait();
    KEYR = KEY_1;
    KEYR = KEY_2;
    SR = SR_FLAGS;
}

void port_flash_lock(void)
{
    CR = CR_LOCK;
}

void port_flash_erase_page(uint32_t address, uint32_t page)
{
    (void)address;
    uint32_t sector = page + SMALL_SECTORS;
    CR = CR_PSIZE_WORD | CR_SER | sector << CR_SNB_POSITION;
    CR |= CR_STRT;
    wait();
}

void port_flash_program_unit(uint32_t address, const uint32_t *unit)
{
    CR = CR_PSIZE_WORD | CR_PG;
    *(volatile uint32_t *)address = *unit;
    wait();
}
