/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STM32H7 with two banks: RM0433, chapter 4: "FLASH program operations", "FLASH erase operations", registers.
 *
 * A flash word has 256 bits, which its ten bits of ECC allow to be written once. Each bank has registers of its own.
 */
#define BANK_SECTORS    8u
#define BANKS           0x100u /* from the registers of one to those of the next */
/* The region lies in one bank: board.toml's journal begins in it, and the slots end with it. */
#define CONTROLLER      (PORT_FLASH_CONTROLLER + PORT_FLASH_FIRST / BANK_SECTORS * BANKS)

#define KEYR            REGISTER(0x04u)
#define CR              REGISTER(0x0Cu)
#define SR              REGISTER(0x10u)
#define CLEAR           REGISTER(0x14u)

#define CR_LOCK         (1u << 0)
#define CR_PG           (1u << 1)
#define CR_SER          (1u << 2)
#define CR_PSIZE_DOUBLE (3u << 4)
#define CR_START        (1u << 7)
#define CR_SNB_POSITION 8u
#define SR_WAIT         (1u << 0 | 1u << 2) /* BSY, QW */
#define SR_FLAGS        0x07EF0000u         /* EOP and every error: written to be cleared */

#include "flash_stm32.h"

int port_flash_erase_page(uint32_t address, uint32_t page)
{
    (void)address;
    uint32_t erase = CR_PSIZE_DOUBLE | CR_SER | (page % BANK_SECTORS) << CR_SNB_POSITION;
    CR = erase;
    CR = erase | CR_START;
    return wait();
}

int port_flash_program_unit(uint32_t address, const uint32_t *unit)
{
    volatile uint32_t *words = (volatile uint32_t *)address;
    CR = CR_PSIZE_DOUBLE | CR_PG;
    __asm volatile("isb\n dsb" ::: "memory");
    for (uint32_t i = 0; i < PORT_FLASH_UNIT / 4u; i++) {
        words[i] = unit[i];
    }
    return wait();
}
