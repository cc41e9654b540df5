/* SPDX-License-Identifier: Apache-2.0 */
#include "testing/flash_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int violation(flash_model *flash, const char *what, uint32_t offset, uint32_t size)
{
    if (flash->violations++ == 0) {
        (void)snprintf(flash->violation, sizeof(flash->violation), "%s at 0x%x, %u bytes", what, (unsigned)offset,
                       (unsigned)size);
    }
    return MCUEDIT_E_FLASH;
}

static int is_inside(const flash_model *flash, uint32_t offset, uint32_t size, uint32_t step)
{
    uint32_t region = flash_model_region(&flash->part);
    return offset % step == 0 && size % step == 0 && size > 0 && size <= region && offset <= region - size;
}

static uint32_t chance(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Does power fail at this operation? */
static int begins(flash_model *flash, uint8_t kind, uint32_t offset, uint32_t size)
{
    if (flash->log != NULL && flash->operations < flash->log_size) {
        flash->log[flash->operations] = (flash_model_operation){kind, offset, size};
    }
    return ++flash->operations == flash->cut_at;
}

static int power_fails(flash_model *flash)
{
    if (flash->exit_code != 0) {
        _Exit((int)flash->exit_code);
    }
    flash->dead = 1;
    return MCUEDIT_E_FLASH;
}

static uint32_t cut_amount(const flash_model *flash, uint32_t size)
{
    if (flash->cut_amount == FLASH_MODEL_HALF) {
        return size / 2;
    }
    return flash->cut_amount < size ? flash->cut_amount : size - 1;
}

static uint8_t unit_state(const flash_model *flash, uint32_t offset)
{
    uint32_t unit = flash->part.program_unit;
    if (flash->units != NULL) {
        return flash->units[offset / unit];
    }
    for (uint32_t i = offset / unit * unit; i < offset / unit * unit + unit; i++) {
        if (flash->bytes[i] != 0xFF) {
            return FLASH_UNIT_PROGRAMMED;
        }
    }
    return FLASH_UNIT_BLANK;
}

static void set_units(flash_model *flash, uint32_t offset, uint32_t size, uint8_t state)
{
    if (flash->units != NULL) {
        memset(flash->units + offset / flash->part.program_unit, state, size / flash->part.program_unit);
    }
}

static int read_bytes(void *context, uint32_t offset, void *bytes, uint32_t size)
{
    flash_model *flash = context;
    if (size > 0 && !is_inside(flash, offset, size, 1)) {
        return violation(flash, "read beyond the end", offset, size);
    }
    if (flash->units != NULL && size > 0) {
        uint32_t first = offset / flash->part.program_unit, last = (offset + size - 1) / flash->part.program_unit;
        if (memchr(flash->units + first, FLASH_UNIT_UNREADABLE, last - first + 1) != NULL) {
            return MCUEDIT_E_FLASH;
        }
    }
    memcpy(bytes, flash->bytes + offset, size);
    return flash->dead ? MCUEDIT_E_FLASH : MCUEDIT_OK;
}

static void clear_bits(flash_model *flash, uint32_t offset, const uint8_t *bytes, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++) {
        flash->bytes[offset + i] &= bytes[i];
    }
    set_units(flash, offset, size, FLASH_UNIT_PROGRAMMED);
}

static void tear_program(flash_model *flash, uint32_t offset, const uint8_t *bytes, uint32_t size)
{
    uint32_t seed = flash->cut_seed, amount = cut_amount(flash, size);
    uint32_t unit = flash->part.program_unit, first = amount / unit * unit; /* of the unit that is torn */
    clear_bits(flash, offset, bytes, first);
    for (uint32_t i = first; i < first + unit; i++) {
        int whole = flash->cut_kind != FLASH_CUT_MIX && i < amount;
        int none = flash->cut_kind != FLASH_CUT_MIX && i > amount;
        uint8_t kept = whole ? 0 : none ? 0xFF : (uint8_t)chance(&seed);
        flash->bytes[offset + i] &= bytes[i] | kept;
    }
    set_units(flash, offset + first, unit,
              flash->cut_kind == FLASH_CUT_UNREADABLE ? FLASH_UNIT_UNREADABLE : FLASH_UNIT_TORN);
}

static int program_at_once(flash_model *flash, uint32_t offset, const uint8_t *bytes, uint32_t size)
{
    int cut = begins(flash, FLASH_PROGRAM, offset, size), torn = 0;
    for (uint32_t i = 0; i < size; i++) {
        uint8_t state = unit_state(flash, offset + i);
        if (state == FLASH_UNIT_PROGRAMMED || (state != FLASH_UNIT_BLANK && flash->bytes[offset + i] != 0xFF)) {
            return violation(flash, "second program of a unit", offset, size);
        }
        torn |= state != FLASH_UNIT_BLANK;
    }
    if (torn) {
        /* It looks blank: nobody can know, but the part does not take it. */
        return cut ? power_fails(flash) : MCUEDIT_E_FLASH;
    }
    if (!cut || flash->cut_kind == FLASH_CUT_AFTER) {
        clear_bits(flash, offset, bytes, size);
    } else if (flash->cut_kind != FLASH_CUT_BEFORE) {
        tear_program(flash, offset, bytes, size);
    }
    return cut ? power_fails(flash) : MCUEDIT_OK;
}

/* Every page that was being erased must be erased again. */
static void tear_erase(flash_model *flash, uint32_t offset, uint32_t size)
{
    uint32_t seed = flash->cut_seed, amount = cut_amount(flash, size);
    uint32_t page = amount / flash->part.erase_page * flash->part.erase_page;
    flash->smeared = 1;
    for (uint32_t i = 0; i < size; i++) {
        uint8_t *byte = &flash->bytes[offset + i];
        int in_page = i >= page && i < page + flash->part.erase_page, before = i < amount;
        if (flash->cut_kind == FLASH_CUT_SUFFIX ? !before : flash->cut_kind == FLASH_CUT_MIX ? i < page : before) {
            *byte = 0xFF;
        } else if ((flash->cut_kind == FLASH_CUT_MIX && in_page) || i == amount) {
            *byte |= (uint8_t)(chance(&seed) & chance(&seed));
        }
    }
    set_units(flash, offset, size, FLASH_UNIT_TORN);
    if (flash->cut_kind == FLASH_CUT_UNREADABLE) {
        set_units(flash, offset + page, flash->part.erase_page, FLASH_UNIT_UNREADABLE);
    }
}

static int erase_at_once(flash_model *flash, uint32_t offset, uint32_t size)
{
    int cut = begins(flash, FLASH_ERASE, offset, size);
    if (cut && flash->cut_kind == FLASH_CUT_BEFORE) {
        return power_fails(flash);
    }
    for (uint32_t page = offset / flash->part.erase_page;
         flash->erases && page * flash->part.erase_page < offset + size; page++) {
        flash->erases[page]++;
    }
    if (cut && flash->cut_kind != FLASH_CUT_AFTER) {
        tear_erase(flash, offset, size);
    } else {
        memset(flash->bytes + offset, 0xFF, size);
        set_units(flash, offset, size, FLASH_UNIT_BLANK);
    }
    return cut ? power_fails(flash) : MCUEDIT_OK;
}

/* Whole units or pages, one at a time or all at once. `bytes`: to program; NULL: erase. */
static int change(flash_model *flash, uint32_t offset, const uint8_t *bytes, uint32_t size)
{
    uint32_t unit = bytes != NULL ? flash->part.program_unit : flash->part.erase_page;
    if (flash->dead) {
        return MCUEDIT_E_FLASH;
    }
    if (!is_inside(flash, offset, size, unit)) {
        return violation(flash, bytes != NULL ? "program of no whole units" : "erase of no whole pages", offset, size);
    }
    int err = MCUEDIT_OK;
    uint32_t step = flash->by_unit ? unit : size;
    for (uint32_t i = 0; i < size && !err; i += step) {
        err = bytes != NULL ? program_at_once(flash, offset + i, bytes + i, step)
                            : erase_at_once(flash, offset + i, step);
    }
    return err;
}

static int program(void *context, uint32_t offset, const void *bytes, uint32_t size)
{
    return change(context, offset, bytes, size);
}

static int erase(void *context, uint32_t offset, uint32_t size)
{
    return change(context, offset, NULL, size);
}

static int finish(void *context)
{
    return ((const flash_model *)context)->dead ? MCUEDIT_E_FLASH : MCUEDIT_OK;
}

uint32_t flash_model_region(const mcuedit_flash *part)
{
    uint32_t page = part->erase_page > MCUEDIT_JOURNAL_PAGE ? part->erase_page : MCUEDIT_JOURNAL_PAGE;
    return page * part->journal_pages + part->slot_size * part->slot_count;
}

void flash_model_init(flash_model *flash)
{
    flash->part.context = flash;
    flash->part.mapped = flash->bytes;
    flash->part.read = read_bytes;
    flash->part.program = program;
    flash->part.erase = erase;
    flash->part.sync = finish;
}

void flash_model_blank(flash_model *flash)
{
    uint32_t size = flash_model_region(&flash->part);
    memset(flash->bytes, 0xFF, size);
    set_units(flash, 0, size, FLASH_UNIT_BLANK);
    if (flash->erases != NULL) {
        memset(flash->erases, 0, size / flash->part.erase_page * sizeof(*flash->erases));
    }
    flash->smeared = 0;
    flash->violations = 0;
}

void flash_model_power_on(flash_model *flash)
{
    flash->operations = 0;
    flash->cut_at = 0;
    flash->dead = 0;
}
