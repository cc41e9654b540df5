/* SPDX-License-Identifier: Apache-2.0 */
/* What the harnesses share. Each is one file with LLVMFuzzerTestOneInput, built by run.py. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mcuedit/mcuedit.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Stops as a sanitizer would. */
#define REQUIRE(condition)                                                          \
    do {                                                                            \
        if (!(condition)) {                                                         \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                                \
        }                                                                           \
    } while (0)

/* A copy in memory of just its size, which sanitizers guard. To be freed. */
static inline uint8_t *exact_copy(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    REQUIRE(copy != NULL);
    memcpy(copy, data, size);
    return copy;
}

/* Numbers for a mutator, from its seed alone. */
static inline uint32_t draw(unsigned *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Inputs for an inference, and a few of them with `adapter` active. */
void infer_with(const mcuedit_adapter *adapter);

/* Gives an adapter of `size` bytes (20 or more) the magic, length, base and CRC that it needs to be looked at. */
void mend_adapter(uint8_t *adapter, size_t size);

/* The base that all harnesses know. */
extern const mcuedit_base *const fuzz_base;

#endif
