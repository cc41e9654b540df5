/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STM32F4 and F7 with one bank: RM0090 and RM0385, chapter 3: "Erase and program operations", registers.
 *
 * Sectors 0..3 and 4 are smaller than the others and together as large as one of those; hence the sector of an address
 * behind them is the number of the erase page plus 4. Words (PSIZE x32) need a supply of 2.7 V, as the boards have.
 */
#define KEYR            REGISTER(0x04u)
#define SR              REGISTER(0x0Cu)
#define CR              REGISTER(0x10u)

#define SR_WAIT         (1u << 16)
#define SR_FLAGS        0xF3u /* EOP, OPERR, WRPERR, PGAERR, PGPERR, PGSERR (F7: ERSERR): written to be cleared */
#define CR_PG           (1u << 0)
#define CR_SER          (1u << 1)
#define CR_SNB_POSITION 3u
#define CR_PSIZE_WORD   (2u << 8)
#define CR_STRT         (1u << 16)
#define CR_LOCK         (1u << 31)

#define SMALL_SECTORS   4u

#include "flash_stm32.h"

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
