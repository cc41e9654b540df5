/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The STM32 controller that programs double words: G0, and L5 with its non-secure registers. The driver that includes
 * this once gives the registers KEYR, SR and CR, the bits SR_WAIT and SR_FLAGS, and select_page(page).
 */
#ifndef MCUEDIT_PORT_FLASH_DOUBLE_WORD_H
#define MCUEDIT_PORT_FLASH_DOUBLE_WORD_H

#define CR_PG           (1u << 0)
#define CR_PER          (1u << 1)
#define CR_PNB_POSITION 3u
#define CR_STRT         (1u << 16)
#define CR_LOCK         (1u << 31)

#include "flash_stm32.h"

static int end(void)
{
    int err = wait();
    if (!err) {
        CR = 0;
    }
    return err;
}

int port_flash_erase_page(uint32_t address, uint32_t page)
{
    (void)address;
    uint32_t erase = CR_PER | select_page(page);
    CR = erase;
    CR = erase | CR_STRT;
    return end();
}

/* The first word waits in the controller for the second one. */
int port_flash_program_unit(uint32_t address, const uint32_t *unit)
{
    volatile uint32_t *words = (volatile uint32_t *)address;
    CR = CR_PG;
    words[0] = unit[0];
    __asm volatile("isb" ::: "memory");
    words[1] = unit[1];
    return end();
}

#endif
