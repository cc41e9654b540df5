/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include "udp_flash.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int udp_flash_open(flash_model *flash, const char *path)
{
    uint32_t size = flash_model_region(&flash->part);
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
    flash->by_unit = 1;
    flash->exit_code = UDP_FLASH_CUT; /* what the process leaves in the file is what a power cut would */
    flash_model_init(flash);
    if (fresh) {
        flash_model_blank(flash);
    }
    return 0;
}
