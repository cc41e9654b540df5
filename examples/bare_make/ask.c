/* SPDX-License-Identifier: Apache-2.0 */
/* Asks a base with and without its adapter. The same lines run on a microcontroller. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "facts.h"
#include "repair_adapter.h"

static MCUEDIT_ALIGNED(4) int8_t arena[FACTS_ARENA_SIZE]; /* input and output lie in it */
static int8_t h[8];                                       /* one byte for each factor of the active adapters */
static mcuedit_context context;
static mcuedit_adapter repair;
static const mcuedit_adapter *const active[] = {&repair};
static const mcuedit_set repaired = {active, 1};

static const char *ask(const char *text)
{
    int8_t *input = FACTS_INPUT(arena), *output = FACTS_OUTPUT(arena);
    mcuedit_text_features(text, (uint32_t)strlen(text), input, FACTS_FEATURES);
    facts_infer(&context, input, output, arena);
    const int8_t *logits = FACTS_LOGITS(arena, output);
    uint32_t best = 0;
    for (uint32_t i = 1; i < FACTS_OUTPUT_SIZE; i++) {
        if (logits[i] > logits[best]) {
            best = i;
        }
    }
    return facts_label(best);
}

int main(int argc, char **argv)
{
    const char *question = argc > 1 ? argv[1] : "what currency is used in croatia?";
    int err = mcuedit_base_check(&facts_base);
    if (!err) {
        err = mcuedit_adapter_open(&repair, &facts_base, repair_adapter, REPAIR_ADAPTER_SIZE);
    }
    mcuedit_context_init(&context, &facts_base, h, sizeof(h));
    if (err) {
        fprintf(stderr, "error %d\n", err);
        return 1;
    }
    printf("before: %s\n", ask(question));
    err = mcuedit_context_set(&context, &repaired); /* NULL: the base as it was */
    if (err) {
        fprintf(stderr, "error %d\n", err);
        return 1;
    }
    printf("after: %s\n", ask(question));
    return 0;
}
