/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the store share. Formats: SPEC.md, section 8. */
#ifndef MCUEDIT_JOURNAL_H
#define MCUEDIT_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "mcuedit/store.h"

/* A record as it is in flash: what the log tells, and the state that holds from then on. */
typedef struct {
    uint32_t sequence;
    uint8_t event;
    uint8_t slot; /* MCUEDIT_NO_SLOT: about none in particular */
    uint16_t mask;
    uint32_t counter;
    uint8_t key[4];
    uint8_t digest[4];
    uint8_t chain[8];
    uint32_t crc;              /* of all else */
    mcuedit_store_state state; /* but with `chain` and `sequence` as they were before this record */
} mcuedit_record;

/* Offsets in the bytes of a record, which are part of the format. */
enum { RECORD_SEQUENCE = 0, RECORD_EVENT = 4, RECORD_SLOT = 5, RECORD_MASK = 6, RECORD_CRC = 28 };

MCUEDIT_STATIC_ASSERT(offsetof(mcuedit_record, sequence) == RECORD_SEQUENCE, a_record_begins_with_its_sequence);
MCUEDIT_STATIC_ASSERT(offsetof(mcuedit_record, event) == RECORD_EVENT, event_is_where_the_log_has_it);
MCUEDIT_STATIC_ASSERT(offsetof(mcuedit_record, slot) == RECORD_SLOT, slot_is_where_the_log_has_it);
MCUEDIT_STATIC_ASSERT(offsetof(mcuedit_record, mask) == RECORD_MASK, mask_is_where_the_log_has_it);
MCUEDIT_STATIC_ASSERT(offsetof(mcuedit_record, crc) == RECORD_CRC, crc_is_behind_what_it_covers);

enum { MCUEDIT_NO_SLOT = 0xFF };

/* Makes `state` and `place` from what the flash holds. */
void mcuedit_journal_open(mcuedit_store *store);

/* A record that changes nothing yet. */
void mcuedit_journal_begin(const mcuedit_store *store, mcuedit_record *record, uint8_t event, uint8_t slot);

/* Counter, key and digest of `record` become those of a package. */
void mcuedit_journal_name(mcuedit_record *record, const mcuedit_package *package);

/* Writes `record`; its state is that of the store from now on. MCUEDIT_E_FLASH: nothing has changed. */
int mcuedit_journal_append(mcuedit_store *store, mcuedit_record *record);

#if MCUEDIT_AUTHORITY
/* Does the region read as erased from one offset to another? They are whole numbers of 256 bytes. */
bool mcuedit_journal_is_blank(const mcuedit_store *store, uint32_t from, uint32_t to);
#endif

/* Slots of `mask` that were never confirmed are MCUEDIT_KEPT_REVOKED or _PROVEN now. */
void mcuedit_slots_become(mcuedit_store_state *state, uint32_t mask, uint32_t kept);

/* Slots of the confirmed, the trial and the running set: not to be erased. */
uint32_t mcuedit_slots_in_use(const mcuedit_store *store);

/* Offset of a slot in the region. */
uint32_t mcuedit_slot_offset(const mcuedit_store *store, uint32_t slot);

/* What the journal keeps of a slot; MCUEDIT_KEPT_NONE if there is no such slot. */
uint32_t mcuedit_slot_kept(const mcuedit_store *store, uint32_t slot);

/* Checks the package or adapter in a slot with these bits. `package` then has neither name nor self-test if it is bare.
 */
int mcuedit_slot_check(const mcuedit_store *store, uint32_t slot, uint32_t bits, mcuedit_package *package,
                       mcuedit_adapter *adapter);

#if MCUEDIT_ROOTS
/* Is the signer of a package revoked, by the hash of its key? */
int mcuedit_key_is_revoked(const mcuedit_store *store, const uint8_t *key_hash);
#endif

/* Would context and runtime take this set? */
int mcuedit_store_dry_run(const mcuedit_store *store, const mcuedit_set *set);

#endif
