/* SPDX-License-Identifier: Apache-2.0 */
/* What all flash has in common: whole units and pages, each unit once, and a look at what came of it. */
#include "flash.h"

#define WORDS  ((PORT_FLASH_UNIT + 3u) / 4u) /* of a unit */
#define ERASED 0xFFu

const mcuedit_flash port_flash = {
    .mapped = (const uint8_t *)PORT_FLASH,
    .program_unit = PORT_FLASH_UNIT,
    .erase_page = PORT_FLASH_PAGE,
    .slot_size = PORT_FLASH_SLOT,
    .slot_count = PORT_FLASH_SLOTS,
    .journal_pages = PORT_FLASH_JOURNAL,
    .read = port_flash_read,
    .program = port_flash_program,
    .erase = port_flash_erase,
    .sync = port_flash_sync,
};

/* volatile: the controller changes it behind the compiler's back. */
static volatile const uint8_t *at(uint32_t offset)
{
    return (volatile const uint8_t *)(PORT_FLASH + offset);
}

static int fits(uint32_t offset, uint32_t size, uint32_t step)
{
    return offset % step == 0 && size % step == 0 && offset <= PORT_FLASH_SIZE && size <= PORT_FLASH_SIZE - offset;
}

static int is_erased(uint32_t offset, uint32_t size)
{
    volatile const uint8_t *bytes = at(offset);
    for (uint32_t i = 0; i < size; i++) {
        if (bytes[i] != ERASED) {
            return 0;
        }
    }
    return 1;
}

int port_flash_read(void *context, uint32_t offset, void *bytes, uint32_t size)
{
    (void)context;
    if (!fits(offset, size, 1)) {
        return MCUEDIT_E_FLASH;
    }
    volatile const uint8_t *from = at(offset);
    for (uint32_t i = 0; i < size; i++) {
        ((uint8_t *)bytes)[i] = from[i];
    }
    return MCUEDIT_OK;
}

static int program_unit(uint32_t offset, const uint8_t *bytes)
{
    union {
        uint32_t words[WORDS];
        uint8_t bytes[4u * WORDS];
    } unit;
    unit.words[WORDS - 1] = 0;
    for (uint32_t i = 0; i < PORT_FLASH_UNIT; i++) {
        unit.bytes[i] = bytes[i];
    }
    int err = port_flash_program_unit(PORT_FLASH + offset, unit.words);
    if (err) {
        return err;
    }
    volatile const uint8_t *written = at(offset);
    for (uint32_t i = 0; i < PORT_FLASH_UNIT; i++) {
        if (written[i] != bytes[i]) {
            return MCUEDIT_E_FLASH;
        }
    }
    return MCUEDIT_OK;
}

int port_flash_program(void *context, uint32_t offset, const void *bytes, uint32_t size)
{
    (void)context;
    if (!fits(offset, size, PORT_FLASH_UNIT) || !is_erased(offset, size)) {
        return MCUEDIT_E_FLASH;
    }
    int err = port_flash_unlock();
    for (uint32_t i = 0; i < size && !err; i += PORT_FLASH_UNIT) {
        err = program_unit(offset + i, (const uint8_t *)bytes + i);
    }
    port_flash_lock();
    return err;
}

int port_flash_erase(void *context, uint32_t offset, uint32_t size)
{
    (void)context;
    if (!fits(offset, size, PORT_FLASH_PAGE)) {
        return MCUEDIT_E_FLASH;
    }
    int err = port_flash_unlock();
    for (uint32_t i = offset; i < offset + size && !err; i += PORT_FLASH_PAGE) {
        err = port_flash_erase_page(PORT_FLASH + i, PORT_FLASH_FIRST + i / PORT_FLASH_PAGE);
    }
    port_flash_lock();
    if (err) {
        return err;
    }
    return is_erased(offset, size) ? MCUEDIT_OK : MCUEDIT_E_FLASH;
}

/* Nothing waits in a buffer: each unit was read back. */
int port_flash_sync(void *context)
{
    (void)context;
    return MCUEDIT_OK;
}

int port_flash_wait(const volatile uint32_t *status, uint32_t mask, uint32_t idle)
{
    __asm volatile("dsb" ::: "memory");
    for (uint32_t i = 0; i < PORT_FLASH_PATIENCE; i++) {
        if ((*status & mask) == idle) {
            return MCUEDIT_OK;
        }
    }
    return MCUEDIT_E_FLASH;
}

int port_flash_open(volatile uint32_t *keys, const uint32_t key[2], const volatile uint32_t *control, uint32_t lock)
{
    if ((*control & lock) != 0) {
        *keys = key[0];
        *keys = key[1];
    }
    return (*control & lock) == 0 ? MCUEDIT_OK : MCUEDIT_E_FLASH;
}

/* Where flash is flash there is nothing to do; flash_ram.c has more to say. */
__attribute__((weak)) void port_flash_start(void)
{
}
