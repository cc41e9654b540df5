/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include "udp_flash.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bytes of an operation of `size` bytes that happen. The process ends where power does; its file is the flash. */
static uint32_t begin(udp_flash *flash, uint32_t size)
{
    flash->operations++;
    if (flash->operations != flash->cut || flash->cut_mode == UDP_CUT_AFTER) {
        return size;
    }
    return flash->cut_mode == UDP_CUT_TORN ? size / 2 : 0;
}

static void end(const udp_flash *flash)
{
    if (flash->operations == flash->cut) {
        _exit(UDP_FLASH_CUT);
    }
}

static uint32_t region_size(const mcuedit_flash *geometry)
{
    uint32_t page = geometry->erase_page > MCUEDIT_JOURNAL_PAGE ? geometry->erase_page : MCUEDIT_JOURNAL_PAGE;
    return geometry->journal_pages * page + geometry->slot_count * geometry->slot_size;
}

static bool inside(const udp_flash *flash, uint32_t offset, uint32_t size, uint32_t unit)
{
    uint32_t region = region_size(&flash->geometry);
    return offset <= region && size <= region - offset && offset % unit == 0 && size % unit == 0;
}

static int read_bytes(void *context, uint32_t offset, void *bytes, uint32_t size)
{
    const udp_flash *flash = context;
    if (!inside(flash, offset, size, 1)) {
        return -1;
    }
    memcpy(bytes, flash->bytes + offset, size);
    return 0;
}

/* Each unit once after an erase, as parts with ECC demand. */
static int program(void *context, uint32_t offset, const void *bytes, uint32_t size)
{
    udp_flash *flash = context;
    const uint8_t *from = bytes;
    uint32_t unit = flash->geometry.program_unit;
    if (!inside(flash, offset, size, unit)) {
        return -1;
    }
    for (uint32_t i = 0; i < size; i++) {
        if (flash->bytes[offset + i] != 0xFF) {
            return -1;
        }
    }
    for (uint32_t at = 0; at < size; at += unit) {
        memcpy(flash->bytes + offset + at, from + at, begin(flash, unit));
        end(flash);
    }
    return 0;
}

static int erase(void *context, uint32_t offset, uint32_t size)
{
    udp_flash *flash = context;
    uint32_t page = flash->geometry.erase_page;
    if (!inside(flash, offset, size, page)) {
        return -1;
    }
    for (uint32_t at = 0; at < size; at += page) {
        memset(flash->bytes + offset + at, 0xFF, begin(flash, page));
        end(flash);
    }
    return 0;
}

int udp_flash_open(udp_flash *flash, const char *path)
{
    uint32_t size = region_size(&flash->geometry);
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    struct stat found;
    if (file < 0 || fstat(file, &found) < 0) {
        return -1;
    }
    bool fresh = found.st_size != (off_t)size;
    if (fresh && ftruncate(file, (off_t)size) < 0) {
        return -1;
    }
    flash->bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (flash->bytes == MAP_FAILED) {
        return -1;
    }
    if (fresh) {
        memset(flash->bytes, 0xFF, size);
    }
    flash->geometry.context = flash;
    flash->geometry.mapped = flash->bytes;
    flash->geometry.read = read_bytes;
    flash->geometry.program = program;
    flash->geometry.erase = erase;
    return 0;
}
