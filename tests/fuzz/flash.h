/* SPDX-License-Identifier: Apache-2.0 */
/* A store on the model of a flash, none of whose rules may be broken. Signatures always fit. */
#ifndef FLASH_H
#define FLASH_H

#include "fuzz.h"
#include "testing/flash_model.h"

enum { PAGE = 1024, JOURNAL_PAGES = 2, SLOTS = 4, SLOT_SIZE = 1024, UNIT = 8 };
enum { FLASH_SIZE = JOURNAL_PAGES * PAGE + SLOTS * SLOT_SIZE };

extern uint8_t flash_memory[FLASH_SIZE];

/* An erased flash, and what a store on it works with. `share` the context with nobody. */
void flash_reset(void);
extern const mcuedit_store_config flash_config;

/* What must hold of an open store, whatever was in the flash. */
void check_store(mcuedit_store *store);

#endif
