/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal (SPEC.md, section 8): a ring of pages of records, each of which carries the whole state. The valid record
 * with the highest sequence number holds; it never lies in the page that is erased next. Hence there is nothing to
 * replay and nothing to compact, and a record that was torn by a power cut is as good as none.
 */
#include <stdbool.h>
#include <stddef.h>

#include "../core/crc32.h"
#include "journal.h"

#define SIZE         ((uint32_t)sizeof(mcuedit_record))
#define SPACING      (SIZE <= 128u ? 128u : 256u) /* from one record to the next: pages are whole numbers of it */
#define TRIES        4                            /* erases and places for a record before the flash is given up */
#define SEQUENCE_END UINT32_MAX                   /* no record has it: erased flash does */

MCUEDIT_STATIC_ASSERT(sizeof(mcuedit_store_state) == 32 + 8 * MCUEDIT_STORE_SLOTS + 64 * MCUEDIT_ROOTS,
                      state_has_no_gaps);
MCUEDIT_STATIC_ASSERT(sizeof(mcuedit_record) % 32 == 0, record_is_whole_units);

/* CRC of a record without the CRC's own field. Another geometry makes another one. */
static uint32_t crc_of(const mcuedit_flash *flash, const mcuedit_record *record)
{
    const uint8_t *bytes = (const uint8_t *)record;
    uint32_t crc = mcuedit_crc32(flash->slot_size + flash->slot_count, bytes, RECORD_CRC);
    return mcuedit_crc32(crc, bytes + MCUEDIT_RECORD_SIZE, SIZE - MCUEDIT_RECORD_SIZE);
}

/* Is there a record of a sequence number in from..to - 1? What is blank or older is not looked at any closer. */
static bool is_record(const mcuedit_flash *flash, uint32_t offset, mcuedit_record *record, uint32_t from, uint32_t to)
{
    return flash->read(flash->context, offset, record, SIZE) == 0 && record->sequence >= from &&
           record->sequence < to && record->crc == crc_of(flash, record);
}

/* `record`, at `place`, holds from now on. The page after its own is the spare one, whatever becomes of the next. */
static void hold(mcuedit_store *store, const mcuedit_record *record, uint32_t place)
{
    store->state = record->state;
    store->state.sequence = record->sequence + 1;
    MCUEDIT_COPY(store->state.chain, record->chain, sizeof(record->chain));
    store->place = place + SPACING;
    store->spare = (place & ~(store->page - 1u)) + store->page;
    if (store->spare == store->end) {
        store->spare = 0;
    }
}

void mcuedit_journal_open(mcuedit_store *store)
{
    const mcuedit_flash *flash = store->config->flash;
    mcuedit_record record;
    for (uint32_t place = 0; place != store->end; place += SPACING) {
        if (is_record(flash, place, &record, store->state.sequence, SEQUENCE_END)) {
            hold(store, &record, place);
        }
    }
}

void mcuedit_journal_begin(const mcuedit_store *store, mcuedit_record *record, uint8_t event, uint8_t slot)
{
    *record = (mcuedit_record){.event = event, .slot = slot, .state = store->state};
}

void mcuedit_journal_name(mcuedit_record *record, const mcuedit_package *package)
{
    record->counter = package->counter;
    MCUEDIT_COPY(record->key, package->key_hash, sizeof(record->key));
    MCUEDIT_COPY(record->digest, package->digest, sizeof(record->digest));
}

/* Programs `record` where nothing is, not even a torn one, and reads it back. */
static bool write(const mcuedit_flash *flash, uint32_t place, mcuedit_record *record)
{
    mcuedit_record back;
    record->crc = crc_of(flash, record);
    return flash->program(flash->context, place, record, SIZE) == 0 &&
           (!flash->sync || flash->sync(flash->context) == 0) &&
           is_record(flash, place, &back, record->sequence, SEQUENCE_END);
}

static bool is_blank(const mcuedit_flash *flash, uint32_t place)
{
    uint32_t words[SIZE / 4], all = UINT32_MAX;
    if (flash->read(flash->context, place, words, SIZE)) {
        return false;
    }
    for (uint32_t i = 0; i < SIZE / 4; i++) {
        all &= words[i];
    }
    return all == UINT32_MAX;
}

#if MCUEDIT_AUTHORITY
bool mcuedit_journal_is_blank(const mcuedit_store *store, uint32_t from, uint32_t to)
{
    while (from != to && is_blank(store->config->flash, from)) {
        from += SIZE;
    }
    return from == to;
}
#endif

int mcuedit_journal_append(mcuedit_store *store, mcuedit_record *record)
{
    const mcuedit_flash *flash = store->config->flash;
    const mcuedit_trust *trust = store->config->trust;
    uint8_t digest[32];
    if (store->state.sequence == SEQUENCE_END) {
        return MCUEDIT_E_FLASH;
    }
    record->sequence = store->state.sequence;
    MCUEDIT_COPY(record->chain, store->state.chain, sizeof(record->chain));
    trust->sha256(trust->context, record, RECORD_CRC, digest);
    MCUEDIT_COPY(record->chain, digest, sizeof(record->chain));
    for (uint32_t tries = 0; tries < TRIES;) {
        uint32_t place = store->place;
        if ((place & (store->page - 1u)) == 0) {
            place = store->spare;
            record->state.pages++;
            tries++;
            if (flash->erase(flash->context, place, store->page)) {
                continue;
            }
        }
        store->place = place + SPACING;
        if (is_blank(flash, place)) { /* and not torn */
            if (write(flash, place, record)) {
                hold(store, record, place);
                return MCUEDIT_OK;
            }
            tries++;
        }
    }
    return MCUEDIT_E_FLASH;
}

int mcuedit_store_log(const mcuedit_store *store, uint32_t from, uint8_t bytes[MCUEDIT_RECORD_SIZE], uint8_t before[8])
{
    const mcuedit_flash *flash = store->config->flash;
    uint32_t best = store->state.sequence;
    mcuedit_record record;
    for (uint32_t place = 0; place != store->end; place += SPACING) {
        if (is_record(flash, place, &record, from, best)) {
            best = record.sequence;
            record.crc = mcuedit_crc32(0, (const uint8_t *)&record, RECORD_CRC);
            MCUEDIT_COPY(bytes, &record, MCUEDIT_RECORD_SIZE);
            if (before) {
                MCUEDIT_COPY(before, record.state.chain, 8);
            }
        }
    }
    return best != store->state.sequence;
}
