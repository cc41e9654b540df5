/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A place: u32 sequence, tag, size, CRC-32 of these three and the bytes, started with the key; 0xFF up to the header's
 * end; the bytes. The header is written last.
 */
#include "mcuedit/checkpoint.h"

#include <stdbool.h>
#include <stddef.h>

#include "../core/crc32.h"

enum { PLACES = 2, CHUNK = 32 };

typedef struct {
    uint32_t sequence;
    uint32_t tag;
    uint32_t size;
    uint32_t crc;
    uint32_t rest[4]; /* all ones */
} header;

MCUEDIT_STATIC_ASSERT(sizeof(header) == MCUEDIT_CHECKPOINT_HEADER, header_is_whole_units);

static uint32_t crc_of(uint32_t key, const header *head)
{
    return mcuedit_crc32(key, (const uint8_t *)head, offsetof(header, crc));
}

static uint32_t place_at(const mcuedit_checkpoint *checkpoint, uint32_t place)
{
    return checkpoint->offset + place * checkpoint->size;
}

static int read(const mcuedit_checkpoint *checkpoint, uint32_t offset, void *bytes, uint32_t size)
{
    return checkpoint->flash->read(checkpoint->flash->context, offset, bytes, size);
}

/* Whether a place is whole. */
static bool is_valid(const mcuedit_checkpoint *checkpoint, uint32_t place, uint32_t key, uint32_t size, header *head)
{
    uint8_t chunk[CHUNK];
    uint32_t at = place_at(checkpoint, place);
    if (read(checkpoint, at, head, sizeof(*head)) || head->size != size) {
        return false;
    }
    uint32_t crc = crc_of(key, head);
    for (at += MCUEDIT_CHECKPOINT_HEADER; size != 0;) {
        uint32_t part = size < CHUNK ? size : CHUNK;
        if (read(checkpoint, at, chunk, part)) {
            return false;
        }
        crc = mcuedit_crc32(crc, chunk, part);
        at += part;
        size -= part;
    }
    return crc == head->crc;
}

/* The place that was written last, or -1. */
static int newest(const mcuedit_checkpoint *checkpoint, uint32_t key, uint32_t size, header *head)
{
    int found = -1;
    for (uint32_t place = 0; place < PLACES; place++) {
        header other;
        if (is_valid(checkpoint, place, key, size, &other) && (found < 0 || other.sequence > head->sequence)) {
            *head = other;
            found = (int)place;
        }
    }
    return found;
}

static int program(const mcuedit_checkpoint *checkpoint, uint32_t offset, const uint8_t *bytes, uint32_t size)
{
    const mcuedit_flash *flash = checkpoint->flash;
    uint8_t last[CHUNK];
    uint32_t rest = size & (flash->program_unit - 1u), whole = size - rest;
    for (uint32_t i = 0; i < flash->program_unit; i++) {
        last[i] = i < rest ? bytes[whole + i] : UINT8_MAX;
    }
    if (whole != 0 && flash->program(flash->context, offset, bytes, whole)) {
        return MCUEDIT_E_FLASH;
    }
    if (rest != 0 && flash->program(flash->context, offset + whole, last, flash->program_unit)) {
        return MCUEDIT_E_FLASH;
    }
    return flash->sync && flash->sync(flash->context) ? MCUEDIT_E_FLASH : MCUEDIT_OK;
}

static int erase(const mcuedit_checkpoint *checkpoint, uint32_t place)
{
    const mcuedit_flash *flash = checkpoint->flash;
    int failed = flash->erase(flash->context, place_at(checkpoint, place), checkpoint->size);
    return failed || (flash->sync && flash->sync(flash->context)) ? MCUEDIT_E_FLASH : MCUEDIT_OK;
}

int mcuedit_checkpoint_save(const mcuedit_checkpoint *checkpoint, uint32_t key, uint32_t tag, const void *bytes,
                            uint32_t size)
{
    if (checkpoint->size < MCUEDIT_CHECKPOINT_HEADER || size > checkpoint->size - MCUEDIT_CHECKPOINT_HEADER) {
        return MCUEDIT_E_CAPACITY;
    }
    header head = {.size = 0}, check;
    int last = newest(checkpoint, key, size, &head);
    uint32_t place = last == 0, sequence = last < 0 ? 0 : head.sequence + 1u, at = place_at(checkpoint, place);
    head = (header){sequence, tag, size, 0, {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX}};
    head.crc = mcuedit_crc32(crc_of(key, &head), bytes, size);
    int err = erase(checkpoint, place);
    err = err ? err : program(checkpoint, at + MCUEDIT_CHECKPOINT_HEADER, bytes, size);
    err = err ? err : program(checkpoint, at, (const uint8_t *)&head, sizeof(head));
    return err ? err : is_valid(checkpoint, place, key, size, &check) ? MCUEDIT_OK : MCUEDIT_E_FLASH;
}

int mcuedit_checkpoint_load(const mcuedit_checkpoint *checkpoint, uint32_t key, uint32_t *tag, void *bytes,
                            uint32_t size)
{
    header head = {.size = 0};
    int place = newest(checkpoint, key, size, &head);
    if (place < 0 || read(checkpoint, place_at(checkpoint, (uint32_t)place) + MCUEDIT_CHECKPOINT_HEADER, bytes, size)) {
        return 0;
    }
    *tag = head.tag;
    return 1;
}

static bool is_blank(const mcuedit_checkpoint *checkpoint, uint32_t place)
{
    uint8_t chunk[CHUNK];
    for (uint32_t at = 0; at < checkpoint->size; at += CHUNK) {
        if (read(checkpoint, place_at(checkpoint, place) + at, chunk, CHUNK)) {
            return false;
        }
        for (uint32_t i = 0; i < CHUNK; i++) {
            if (chunk[i] != UINT8_MAX) {
                return false;
            }
        }
    }
    return true;
}

int mcuedit_checkpoint_clear(const mcuedit_checkpoint *checkpoint)
{
    int err = MCUEDIT_OK;
    for (uint32_t place = 0; place < PLACES; place++) {
        if (!is_blank(checkpoint, place) && erase(checkpoint, place)) {
            err = MCUEDIT_E_FLASH;
        }
    }
    return err;
}
