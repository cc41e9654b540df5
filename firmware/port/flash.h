/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flash that a board keeps for adapters: pages of a journal, then slots, in one range.
 *
 * The build defines PORT_FLASH... from board.toml's [flash]. The callbacks fit mcuedit_flash (mcuedit/store.h). While a
 * bank is busy, code that runs from it waits: every call takes as long as the part does.
 */
#ifndef MCUEDIT_PORT_FLASH_H
#define MCUEDIT_PORT_FLASH_H

#include <stdint.h>

#include "mcuedit/store.h"

#define PORT_FLASH_SIZE (PORT_FLASH_JOURNAL * PORT_FLASH_PAGE + PORT_FLASH_SLOTS * PORT_FLASH_SLOT)

/* What the store must know of it. */
extern const mcuedit_flash port_flash;

/* Once before the store is opened: flash that is memory in truth is erased the first time. */
void port_flash_start(void);

/*
 * The callbacks. `offset` counts from the start of the journal; programming takes whole units that are erased, erasing
 * whole pages. MCUEDIT_E_FLASH: a range that is none of that, or the part failed.
 */
int port_flash_read(void *context, uint32_t offset, void *bytes, uint32_t size);
int port_flash_program(void *context, uint32_t offset, const void *bytes, uint32_t size);
int port_flash_erase(void *context, uint32_t offset, uint32_t size);
int port_flash_sync(void *context);

/*
 * What a driver does, flash_<driver>.c; flash.c has checked its arguments and reads back what it wrote.
 * MCUEDIT_E_FLASH: the part stayed busy or locked.
 * - `page` is the number of an erase page as the controller counts, from the start of memory.flash on.
 * - `unit` holds PORT_FLASH_UNIT bytes, in words; the last one may be used in part.
 */
int port_flash_unlock(void);
int port_flash_erase_page(uint32_t address, uint32_t page);
int port_flash_program_unit(uint32_t address, const uint32_t *unit);
void port_flash_lock(void);

/*
 * Waits until `status`, but for the bits outside `mask`, is `idle`. A part that never is counts as broken after
 * PORT_FLASH_PATIENCE looks of 7 cycles or more: 7 s at 64 MHz, where the longest erase of any part here takes 4 s.
 */
#ifndef PORT_FLASH_PATIENCE
#define PORT_FLASH_PATIENCE (1u << 26)
#endif
int port_flash_wait(const volatile uint32_t *status, uint32_t mask, uint32_t idle);

/*
 * Writes two keys to `keys` if `control` has the bits `lock`, and only then: a part that is unlocked already, by a
 * bootloader for one, takes a third key for a wrong one and stays locked until its next reset.
 */
int port_flash_open(volatile uint32_t *keys, const uint32_t key[2], const volatile uint32_t *control, uint32_t lock);

#endif
