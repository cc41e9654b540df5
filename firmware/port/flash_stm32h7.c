/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STM32H7 with two banks: RM0433, chapter 4: "FLASH program operations", "FLASH erase operations", registers.
 *
 * A flash word has 256 bits, which its ten bits of ECC allow to be written once. Each bank has registers of its own.
 */
#include "flash.h"

#define BANK_SECTORS    8u
#define BANKS           0x100u /* from the registers of one to those of the next */

#define KEYR            0x04u
#define CR              0x0Cu
#define SR              0x10u
#define CCR             0x14u

#define CR_LOCK         (1u << 0)
#define CR_PG           (1u << 1)
#define CR_SER          (1u << 2)
#define CR_PSIZE_DOUBLE (3u << 4)
#define CR_START        (1u << 7)
#define CR_SNB_POSITION 8u
#define SR_WAIT         (1u << 0 | 1u << 2) /* BSY, QW */
#define CCR_FLAGS       0x07EF0000u         /* EOP and every error: written to be cleared */

/* The region lies in one bank: board.toml's journal begins in it, and the slots end with it. */
static volatile uint32_t *bank_register(uint32_t offset)
{
    uint32_t bank = PORT_FLASH_FIRST / BANK_SECTORS;
    return (volatile uint32_t *)(PORT_FLASH_CONTROLLER + bank * BANKS + offset);
}

static int wait(void)
{
    return port_flash_wait(bank_register(SR), SR_WAIT, 0);
}

int port_flash_unlock(void)
{
    static const uint32_t keys[] = PORT_FLASH_STM32_KEYS;
    int err = wait();
    if (!err) {
        err = port_flash_open(bank_register(KEYR), keys, bank_register(CR), CR_LOCK);
        *bank_register(CCR) = CCR_FLAGS;
    }
    return err;
}

/* A part that is busy refuses it; one that stays so is locked by its next reset. */
void port_flash_lock(void)
{
    if (!wait()) {
        *bank_register(CR) = CR_LOCK;
    }
}

int port_flash_erase_page(uint32_t address, uint32_t page)
{
    (void)address;
    uint32_t erase = CR_PSIZE_DOUBLE | CR_SER | (page % BANK_SECTORS) << CR_SNB_POSITION;
    *bank_register(CR) = erase;
    *bank_register(CR) = erase | CR_START;
    return wait();
}

int port_flash_program_unit(uint32_t address, const uint32_t *unit)
{
    volatile uint32_t *words = (volatile uint32_t *)address;
    *bank_register(CR) = CR_PSIZE_DOUBLE | CR_PG;
    __asm volatile("isb\n dsb" ::: "memory");
    for (uint32_t i = 0; i < PORT_FLASH_UNIT / 4u; i++) {
        words[i] = unit[i];
    }
    return wait();
}
