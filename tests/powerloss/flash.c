/* SPDX-License-Identifier: Apache-2.0 */
#include "flash.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

void flash_new(flash_model *flash, uint32_t unit, uint32_t page, uint32_t size)
{
    memset(flash, 0, sizeof(*flash));
    memset(flash->bytes, 0xFF, sizeof(flash->bytes));
    flash->unit = unit;
    flash->page = page;
    flash->size = size;
    flash_no_cut(flash);
}

void flash_no_cut(flash_model *flash)
{
    flash->operations = 0;
    flash->cut_at = UINT32_MAX;
    flash->dead = 0;
}

static int violation(flash_model *flash, const char *what, uint32_t offset, uint32_t size)
{
    if (flash->violations++ == 0) {
        snprintf(flash->violation, sizeof(flash->violation), "%s at 0x%x, %u bytes", what, (unsigned)offset,
                 (unsigned)size);
    }
    return -1;
}

static uint32_t chance(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Does the power go at this operation? */
static int begins(flash_model *flash, uint8_t kind, uint32_t offset, uint32_t size)
{
    if (flash->operations < FLASH_LOG) {
        flash->log[flash->operations] = (flash_operation){kind, offset, size};
    }
    return flash->operations++ == flash->cut_at;
}

static int power_fails(flash_model *flash)
{
    if (flash->exits) {
        _exit(FLASH_CUT);
    }
    flash->dead = 1;
    return -1;
}

int flash_read(void *context, uint32_t offset, void *bytes, uint32_t size)
{
    flash_model *flash = context;
    if (offset > flash->size || size > flash->size - offset) {
        return violation(flash, "read beyond the end", offset, size);
    }
    uint32_t first = offset / flash->unit, last = (offset + size - 1) / flash->unit;
    if (memchr(flash->spent + first, 3, last - first + 1)) {
        return -1;
    }
    memcpy(bytes, flash->bytes + offset, size);
    return flash->dead ? -1 : 0;
}

static void program_bits(flash_model *flash, uint32_t offset, uint8_t value, uint8_t spent)
{
    flash->bytes[offset] &= value;
    flash->spent[offset / flash->unit] = spent;
}

static void tear_program(flash_model *flash, uint32_t offset, const uint8_t *bytes, uint32_t size)
{
    uint32_t seed = flash->cut_seed, amount = flash->cut_amount < size ? flash->cut_amount : size - 1;
    uint32_t first = amount / flash->unit * flash->unit; /* of the unit that is torn */
    uint8_t torn = flash->cut_kind == CUT_UNREADABLE ? 3 : 2;
    for (uint32_t i = 0; i < first; i++) {
        program_bits(flash, offset + i, bytes[i], 1);
    }
    for (uint32_t i = first; i < first + flash->unit; i++) {
        int whole = flash->cut_kind != CUT_MIX && i < amount, none = flash->cut_kind != CUT_MIX && i > amount;
        uint8_t kept = whole ? 0 : none ? 0xFF : (uint8_t)chance(&seed);
        program_bits(flash, offset + i, bytes[i] | kept, torn);
    }
}

int flash_program(void *context, uint32_t offset, const void *bytes, uint32_t size)
{
    flash_model *flash = context;
    const uint8_t *from = bytes;
    if (flash->dead) {
        return -1;
    }
    if (offset % flash->unit != 0 || size % flash->unit != 0 || size == 0 || size > flash->size ||
        offset > flash->size - size) {
        return violation(flash, "program of no whole units", offset, size);
    }
    int cut = begins(flash, FLASH_PROGRAM, offset, size);
    for (uint32_t i = 0; i < size; i++) {
        uint32_t unit = (offset + i) / flash->unit;
        if (flash->spent[unit] == 1 || (flash->spent[unit] != 0 && flash->bytes[offset + i] != 0xFF)) {
            return violation(flash, "second program of a unit", offset, size);
        }
    }
    for (uint32_t i = 0; i < size; i++) {
        if (flash->spent[(offset + i) / flash->unit] != 0) {
            /* It was torn and looks blank: nobody can know, but the part does not take it. */
            return cut ? power_fails(flash) : -1;
        }
    }
    if (cut && flash->cut_kind != CUT_BEFORE && flash->cut_kind != CUT_AFTER) {
        tear_program(flash, offset, from, size);
    } else if (!cut || flash->cut_kind == CUT_AFTER) {
        for (uint32_t i = 0; i < size; i++) {
            program_bits(flash, offset + i, from[i], 1);
        }
    }
    return cut ? power_fails(flash) : 0;
}

/* Every page that was being erased must be erased again. */
static void tear_erase(flash_model *flash, uint32_t offset, uint32_t size)
{
    flash->smeared = 1;
    uint32_t seed = flash->cut_seed, amount = flash->cut_amount < size ? flash->cut_amount : size - 1;
    uint32_t page = amount / flash->page * flash->page;
    for (uint32_t i = 0; i < size; i++) {
        uint8_t *byte = &flash->bytes[offset + i], *spent = &flash->spent[(offset + i) / flash->unit];
        int in_page = i >= page && i < page + flash->page, before = i < amount;
        if (flash->cut_kind == CUT_SUFFIX ? !before : flash->cut_kind == CUT_MIX ? i < page : before) {
            *byte = 0xFF;
        } else if ((flash->cut_kind == CUT_MIX && in_page) || i == amount) {
            *byte |= (uint8_t)(chance(&seed) & chance(&seed));
        }
        *spent = flash->cut_kind == CUT_UNREADABLE && in_page ? 3 : 2;
    }
}

int flash_erase(void *context, uint32_t offset, uint32_t size)
{
    flash_model *flash = context;
    if (flash->dead) {
        return -1;
    }
    if (offset % flash->page != 0 || size % flash->page != 0 || size == 0 || size > flash->size ||
        offset > flash->size - size) {
        return violation(flash, "erase of no whole pages", offset, size);
    }
    int cut = begins(flash, FLASH_ERASE, offset, size);
    if (cut && flash->cut_kind != CUT_BEFORE && flash->cut_kind != CUT_AFTER) {
        tear_erase(flash, offset, size);
    } else if (!cut || flash->cut_kind == CUT_AFTER) {
        memset(flash->bytes + offset, 0xFF, size);
        memset(flash->spent + offset / flash->unit, 0, size / flash->unit);
    }
    return cut ? power_fails(flash) : 0;
}

int flash_sync(void *context)
{
    return ((flash_model *)context)->dead ? -1 : 0;
}
