/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of RAM that survive a reset: two places in flash, written in turn, so that a power cut at any moment leaves the
 * last that was written whole, or the one before it (SPEC.md, section 13).
 */
#ifndef MCUEDIT_CHECKPOINT_H
#define MCUEDIT_CHECKPOINT_H

#include <stdint.h>

#include "mcuedit/store.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MCUEDIT_CHECKPOINT_HEADER      32u

/* Bytes of a place for `bytes` of RAM, before it is rounded up to whole erase pages. */
#define MCUEDIT_CHECKPOINT_SIZE(bytes) (MCUEDIT_CHECKPOINT_HEADER + (((bytes) + 31u) & ~31u))

/* Two places side by side, which nothing else writes. */
typedef struct {
    const mcuedit_flash *flash; /* for its callbacks, unit and page */
    uint32_t offset;            /* of the first place, at an erase page */
    uint32_t size;              /* of each place, whole erase pages */
} mcuedit_checkpoint;

/*
 * Writes `size` bytes. `key` says what they belong to: other keys do not find them. `tag` is the caller's.
 * MCUEDIT_E_CAPACITY if they do not fit, MCUEDIT_E_FLASH if they could not be written; what was there is then still
 * there.
 */
int mcuedit_checkpoint_save(const mcuedit_checkpoint *checkpoint, uint32_t key, uint32_t tag, const void *bytes,
                            uint32_t size);

/* Reads what was written last. 1, or 0 if there is nothing of this key and size: `bytes` may then hold anything. */
int mcuedit_checkpoint_load(const mcuedit_checkpoint *checkpoint, uint32_t key, uint32_t *tag, void *bytes,
                            uint32_t size);

/* Erases what is not blank: nothing of what was there is left. MCUEDIT_E_FLASH. */
int mcuedit_checkpoint_clear(const mcuedit_checkpoint *checkpoint);

#ifdef __cplusplus
}
#endif

#endif
