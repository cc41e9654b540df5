/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The STM32 controller that programs double words: G0, and L5 with its non-secure registers. The driver that includes
 * this once gives the offsets KEYR, SR and CR, the bits SR_WAIT and SR_FLAGS, and select_page(page).
 */
#ifndef MCUEDIT_PORT_FLASH_DOUBLE_WORD_H
#define MCUEDIT_PORT_FLASH_DOUBLE_WORD_H

#include "flash.h"

#define REGISTER(offset) (*(volatile uint32_t *)(PORT_FLASH_CONTROLLER + (offset)))

#define CR_PG            (1u << 0)
#define CR_PER           (1u << 1)
#define CR_PNB_POSITION  3u
#define CR_STRT          (1u << 16)
#define CR_LOCK          (1u << 31)

static int wait(void)
{
    return port_flash_wait(&REGISTER(SR), SR_WAIT, 0);
}

int port_flash_unlock(void)
{
    static const uint32_t keys[] = PORT_FLASH_STM32_KEYS;
    int err = wait();
    if (!err) {
        err = port_flash_open(&REGISTER(KEYR), keys, &REGISTER(CR), CR_LOCK);
        REGISTER(SR) = SR_FLAGS;
    }
    return err;
}

/* A part that is busy refuses it; one that stays so is locked by its next reset. */
void port_flash_lock(void)
{
    if (!wait()) {
        REGISTER(CR) = CR_LOCK;
    }
}

static int end(void)
{
    int err = wait();
    if (!err) {
        REGISTER(CR) = 0;
    }
    return err;
}

int port_flash_erase_page(uint32_t address, uint32_t page)
{
    (void)address;
    uint32_t erase = CR_PER | select_page(page);
    REGISTER(CR) = erase;
    REGISTER(CR) = erase | CR_STRT;
    return end();
}

/* The first word waits in the controller for the second one. */
int port_flash_program_unit(uint32_t address, const uint32_t *unit)
{
    volatile uint32_t *words = (volatile uint32_t *)address;
    REGISTER(CR) = CR_PG;
    words[0] = unit[0];
    __asm volatile("isb" ::: "memory");
    words[1] = unit[1];
    return end();
}

#endif
