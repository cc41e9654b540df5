/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A NOR flash that is as strict as a datasheet: whole units at aligned offsets, each programmed once between two
 * erases, 1 to 0 only, whole pages erased. It counts operations, and the power can go at any of them.
 */
#ifndef FLASH_H
#define FLASH_H

#include <stdint.h>

#include "mcuedit/store.h"

#define FLASH_SIZE (8u * 131072u)
#define FLASH_LOG  4096u /* operations that are remembered */

enum {
    CUT_BEFORE,
    CUT_AFTER,
    CUT_PREFIX,     /* `amount` bytes are done, and some bits of the next */
    CUT_MIX,        /* the units (or pages) before byte `amount` are done; of its own one, any bits */
    CUT_UNREADABLE, /* as CUT_PREFIX; the unit that was torn cannot be read */
    CUT_SUFFIX,     /* erase only: all but the first `amount` bytes */
    CUT_KINDS
};

enum { FLASH_PROGRAM, FLASH_ERASE };

typedef struct {
    uint8_t kind;
    uint32_t offset, size;
} flash_operation;

typedef struct {
    uint32_t unit, page, size;
    uint32_t operations;
    uint32_t cut_at, cut_kind, cut_amount, cut_seed; /* cut_at: number of an operation */
    uint32_t exits;                                  /* 1: a cut ends the process, else everything fails from then on */
    uint32_t dead;
    uint32_t smeared; /* an erase was cut: anything may lie anywhere */
    uint32_t violations;
    char violation[128]; /* the first */
    flash_operation log[FLASH_LOG];
    uint8_t spent[FLASH_SIZE]; /* of each unit: 1 programmed, 2 torn, 3 torn and not to be read */
    uint8_t bytes[FLASH_SIZE]; /* 4-byte aligned */
} flash_model;

#define FLASH_CUT 99 /* exit status of a process that lost its power */

/* A new part: blank. */
void flash_new(flash_model *flash, uint32_t unit, uint32_t page, uint32_t size);
void flash_no_cut(flash_model *flash);

int flash_read(void *context, uint32_t offset, void *bytes, uint32_t size);
int flash_program(void *context, uint32_t offset, const void *bytes, uint32_t size);
int flash_erase(void *context, uint32_t offset, uint32_t size);
int flash_sync(void *context);

#endif
