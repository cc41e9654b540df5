/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads u8 count of keys and the keys, then packages: u32 size, u8 offset from an aligned address, bytes. Writes the
 * verdict on each, a line. Every package stands in memory of just its size: sanitizers see what reads beyond it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checked.h"
#include "mcuedit/error.h"

int main(void)
{
    uint8_t keys[255][32], key_count, offset;
    uint32_t size;
    if (fread(&key_count, 1, 1, stdin) != 1 || fread(keys, sizeof(keys[0]), key_count, stdin) != key_count) {
        return 2;
    }
    while (fread(&size, sizeof(size), 1, stdin) == 1 && fread(&offset, 1, 1, stdin) == 1) {
        uint8_t *exact = malloc(size + offset ? size + offset : 1);
        if (exact == NULL || fread(exact + offset, 1, size, stdin) != size) {
            return 2;
        }
        puts(mcuedit_error_name(checked(keys[0], key_count, exact + offset, size)));
        free(exact);
    }
    return 0;
}
