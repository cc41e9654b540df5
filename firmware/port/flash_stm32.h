/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the controllers of all STM32 parts have in common. The driver that includes this once gives the registers KEYR,
 * SR, CR and, if flags are not cleared in SR, CLEAR, each by REGISTER(offset); the bits SR_WAIT, SR_FLAGS and CR_LOCK;
 * and CONTROLLER, if PORT_FLASH_CONTROLLER is not where its registers are.
 */
#ifndef MCUEDIT_PORT_FLASH_STM32_H
#define MCUEDIT_PORT_FLASH_STM32_H

#include "flash.h"

#ifndef CONTROLLER
#define CONTROLLER PORT_FLASH_CONTROLLER
#endif
#ifndef CLEAR
#define CLEAR SR
#endif

#define REGISTER(offset) (*(volatile uint32_t *)(CONTROLLER + (offset)))

static int wait(void)
{
    return port_flash_wait(&SR, SR_WAIT, 0);
}

int port_flash_unlock(void)
{
    static const uint32_t keys[] = {0x45670123u, 0xCDEF89ABu};
    int err = wait();
    if (!err) {
        err = port_flash_open(&KEYR, keys, &CR, CR_LOCK);
        CLEAR = SR_FLAGS;
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

#endif
