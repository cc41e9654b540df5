/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes every byte of an adapter to several values, and cuts it everywhere, each time with a CRC and a length that
 * fit, in memory of just its size; runs inferences with whatever is accepted. Sanitizers do the judging. Prints how
 * many were accepted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/crc32.h"
#include "model.h"
#include "test_adapter.h"

static int8_t input[MODEL_INPUT_SIZE], output[MODEL_OUTPUT_SIZE], arena[MODEL_ARENA_SIZE], h[255];

static void infer_with(const mcuedit_adapter *adapter)
{
    const mcuedit_adapter *const active[] = {adapter};
    const mcuedit_set set = {active, 1};
    mcuedit_context context;
    mcuedit_context_init(&context, &MODEL_BASE, h, sizeof(h));
    if (mcuedit_context_set(&context, &set) != MCUEDIT_OK) {
        return;
    }
    for (int fill = -128; fill < 128; fill += 51) {
        memset(input, fill, sizeof(input));
        MODEL_INFER(&context, input, output, arena);
    }
}

static unsigned try(const uint8_t *bytes, uint32_t size)
{
    uint8_t *exact = malloc(size ? size : 1);
    memcpy(exact, bytes, size);
    if (size >= 20) {
        uint16_t words = (uint16_t)(size / 4);
        memcpy(exact + 6, &words, sizeof(words));
        uint32_t crc = mcuedit_crc32(mcuedit_crc32(0, exact, 16), exact + 20, size - 20);
        memcpy(exact + 16, &crc, sizeof(crc));
    }
    mcuedit_adapter adapter;
    int err = mcuedit_adapter_open(&adapter, &MODEL_BASE, exact, size);
    if (!err) {
        infer_with(&adapter);
    }
    free(exact);
    return err == MCUEDIT_OK;
}

int main(void)
{
    static const uint8_t values[] = {0, 1, 2, 0x7F, 0x80, 0x81, 0xFE, 0xFF};
    uint8_t bytes[TEST_ADAPTER_SIZE];
    memcpy(bytes, test_adapter, sizeof(bytes));
    unsigned accepted = try(bytes, sizeof(bytes));
    for (uint32_t i = 0; i < sizeof(bytes); i++) {
        for (uint32_t k = 0; k < sizeof(values); k++) {
            bytes[i] = values[k];
            accepted += try(bytes, sizeof(bytes));
            bytes[i] = (uint8_t)(test_adapter[i] ^ values[k]);
            accepted += try(bytes, sizeof(bytes));
        }
        bytes[i] = test_adapter[i];
    }
    for (uint32_t size = 0; size < sizeof(bytes); size++) {
        accepted += try(bytes, size);
    }
    char text[64];
    for (uint32_t i = 0; i < 4096; i++) {
        for (uint32_t k = 0; k < sizeof(text); k++) {
            text[k] = (char)(i * 2654435761u >> (k % 24));
        }
        int8_t features[16];
        mcuedit_text_features(text, i % (sizeof(text) + 1), features, sizeof(features));
    }
    printf("%u\n", accepted);
    return 0;
}
