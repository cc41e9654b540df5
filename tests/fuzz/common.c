/* SPDX-License-Identifier: Apache-2.0 */
#include "core/crc32.h"
#include "fuzz.h"
#include "model.h"

const mcuedit_base *const fuzz_base = &MODEL_BASE;

void infer_with(const mcuedit_adapter *adapter)
{
    static int8_t input[MODEL_INPUT_SIZE], output[MODEL_OUTPUT_SIZE], arena[MODEL_ARENA_SIZE], h[255];
    const mcuedit_adapter *const active[] = {adapter};
    const mcuedit_set set = {active, 1};
    mcuedit_context context;
    mcuedit_context_init(&context, &MODEL_BASE, h, sizeof(h));
    if (mcuedit_context_set(&context, &set) != MCUEDIT_OK) {
        return;
    }
    for (int fill = -128; fill < 128; fill += 85) {
        memset(input, fill, sizeof(input));
        MODEL_INFER(&context, input, output, arena);
    }
    for (uint16_t i = 0; i < MODEL_OUTPUT_SIZE; i++) {
        uint8_t length;
        mcuedit_context_label(&context, i, &length);
    }
}

void mend_adapter(uint8_t *adapter, size_t size)
{
    static const uint8_t magic[4] = {'M', 'C', 'E', MCUEDIT_FORMAT};
    uint16_t words = (uint16_t)(size / 4);
    memcpy(adapter, magic, sizeof(magic));
    memcpy(adapter + 6, &words, sizeof(words));
    memcpy(adapter + 8, MODEL_BASE.sha256, MCUEDIT_BASE_ID_SIZE);
    uint32_t crc = mcuedit_crc32(mcuedit_crc32(0, adapter, 16), adapter + 20, (uint32_t)size - 20);
    memcpy(adapter + 16, &crc, sizeof(crc));
}
