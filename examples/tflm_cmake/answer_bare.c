/* SPDX-License-Identifier: Apache-2.0 */
/* The base as C calls, without an interpreter. */
#include "answer.h"

#include <string.h>

#include "facts.h"
#include "repair_adapter.h"

static MCUEDIT_ALIGNED(4) int8_t arena[FACTS_ARENA_SIZE]; /* input and output lie in it */
static int8_t h[8];                                       /* one byte for each factor of the active adapters */
static mcuedit_context context;
static mcuedit_adapter repair;
static const mcuedit_adapter *const active[] = {&repair};
static const mcuedit_set repaired = {active, 1};

int answer_start(void)
{
    mcuedit_context_init(&context, &facts_base, h, sizeof(h));
    int err = mcuedit_base_check(&facts_base);
    return err ? err : mcuedit_adapter_open(&repair, &facts_base, repair_adapter, REPAIR_ADAPTER_SIZE);
}

int answer_repaired(int yes)
{
    return mcuedit_context_set(&context, yes ? &repaired : NULL);
}

const char *answer(const char *question)
{
    int8_t *input = FACTS_INPUT(arena), *output = FACTS_OUTPUT(arena);
    mcuedit_text_features(question, (uint32_t)strlen(question), input, FACTS_FEATURES);
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
