/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A NOR flash of a host, as strict as a datasheet: whole units at aligned offsets, each programmed once between two
 * erases, bits from 1 to 0 only, whole pages erased. It counts operations and erases, and power can fail at any of
 * them, in many ways. It serves the device as a process (apps/device_process), the fuzzers and the power cuts of the
 * tests. All memory is the caller's.
 */
#ifndef MCUEDIT_TESTING_FLASH_MODEL_H
#define MCUEDIT_TESTING_FLASH_MODEL_H

#include <stdint.h>

#include "mcuedit/store.h"

/* How an operation is cut. */
enum {
    FLASH_CUT_BEFORE,
    FLASH_CUT_AFTER,
    FLASH_CUT_PREFIX,     /* `cut_amount` bytes are done, and some bits of the next */
    FLASH_CUT_MIX,        /* the units (or pages) before byte `cut_amount` are done; of its own one, any bits */
    FLASH_CUT_UNREADABLE, /* as FLASH_CUT_PREFIX; the unit that was torn cannot be read (ECC) */
    FLASH_CUT_SUFFIX,     /* erase only: all but the first `cut_amount` bytes */
    FLASH_CUT_KINDS
};

/* What became of a unit since its erase. */
enum { FLASH_UNIT_BLANK, FLASH_UNIT_PROGRAMMED, FLASH_UNIT_TORN, FLASH_UNIT_UNREADABLE };

enum { FLASH_PROGRAM, FLASH_ERASE };

typedef struct {
    uint8_t kind; /* FLASH_PROGRAM or FLASH_ERASE */
    uint32_t offset, size;
} flash_model_operation;

#define FLASH_MODEL_HALF UINT32_MAX /* `cut_amount`: half of the bytes */

typedef struct {
    /* Of the caller, before flash_model_init. */
    mcuedit_flash part;         /* for a store: sizes are the caller's, the rest is filled in */
    uint8_t *bytes;             /* the region, 4-byte aligned */
    uint8_t *units;             /* FLASH_UNIT_ of each unit; NULL: a unit that is not all ones counts as programmed */
    uint32_t *erases;           /* of each page; NULL: not counted */
    flash_model_operation *log; /* the first `log_size` operations; NULL: none is remembered */
    uint32_t log_size;
    uint32_t by_unit;   /* 1: each unit or page is an operation, else each call of the part */
    uint32_t exit_code; /* of the process, which a cut ends; 0: everything fails from the cut on instead */
    /* Which operation is cut, and how. To be set at any time. */
    uint32_t cut_at; /* its number, from 1; 0: none */
    uint32_t cut_kind, cut_amount, cut_seed;
    /* What happened. */
    uint32_t operations; /* that were begun */
    uint32_t dead;       /* 1: power failed */
    uint32_t smeared;    /* 1: an erase was cut, so that anything may lie anywhere */
    uint32_t violations; /* of the rules above */
    char violation[80];  /* the first */
} flash_model;

/* Bytes of a region: its journal and its slots. */
uint32_t flash_model_region(const mcuedit_flash *part);

/* Makes `part` work on `bytes`, which stay as they are. */
void flash_model_init(flash_model *flash);

/* A part that was never used. */
void flash_model_blank(flash_model *flash);

/* Power is on again and is not going to fail; operations are counted from 0. */
void flash_model_power_on(flash_model *flash);

#endif
