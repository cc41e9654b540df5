/* SPDX-License-Identifier: Apache-2.0 */
/* What zcbor includes of a C library, for boards, where none is linked (firmware/port/mem.c). */
#ifndef MCUEDIT_STRING_H
#define MCUEDIT_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);
int memcmp(const void *left, const void *right, size_t size);
size_t strnlen(const char *text, size_t size); /* declared only: nothing that is linked calls it */

#endif
