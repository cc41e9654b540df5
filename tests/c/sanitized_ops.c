/* SPDX-License-Identifier: Apache-2.0 */
/* Runs inferences of extreme and random inputs in memory of just the planned sizes. Sanitizers do the judging. */
#include <stdlib.h>
#include <string.h>

#include "model.h"

/* What lasts starts anew every other inference, so that it is seen. */
#ifdef MODEL_RESET
#define RESET(arena) MODEL_RESET(arena)
#else
#define RESET(arena) ((void)(arena))
#endif

int main(void)
{
    int8_t *input = malloc(MODEL_INPUT_SIZE), *output = malloc(MODEL_OUTPUT_SIZE), *arena = malloc(MODEL_ARENA_SIZE);
    uint32_t dice = 1;
    for (int run = 0; run < 64; run++) {
        for (uint32_t i = 0; i < MODEL_INPUT_SIZE; i++) {
            dice = dice * 1664525u + 1013904223u;
            input[i] = run == 0 ? -128 : run == 1 ? 127 : (int8_t)(uint8_t)(dice >> 24);
        }
        RESET(arena);
        MODEL_INFER(NULL, input, output, arena);
        MODEL_INFER(NULL, input, output, arena);
        RESET(arena);
        memcpy(MODEL_INPUT(arena), input, MODEL_INPUT_SIZE);
        MODEL_INFER(NULL, MODEL_INPUT(arena), MODEL_OUTPUT(arena), arena);
        memcpy(MODEL_INPUT(arena), input, MODEL_INPUT_SIZE);
        MODEL_INFER(NULL, MODEL_INPUT(arena), MODEL_OUTPUT(arena), arena);
        if (memcmp(MODEL_OUTPUT(arena), output, MODEL_OUTPUT_SIZE) != 0) {
            return 1;
        }
    }
    free(input);
    free(output);
    free(arena);
    return 0;
}
