/* SPDX-License-Identifier: Apache-2.0 */
/* The .tflite as it is, in TensorFlow Lite Micro. Lines marked new are what the repair takes. */
#include "answer.h"

#include <algorithm>
#include <cstring>

#include "facts.h"
#include "facts_resolver.h" // new
#include "repair_adapter.h" // new
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/schema/schema_generated.h"

using namespace mcuedit::tflm;

namespace
{
// FACTS_ARENA_SIZE is that of a 32-bit core; pointers of this machine may be wider.
alignas(16) uint8_t arena[FACTS_ARENA_SIZE * sizeof(void *) / 4];
int8_t h[8];                                       // new: one byte for each factor of the active adapters
mcuedit_context context;                           // new
mcuedit_tflm deltas;                               // new
mcuedit_adapter repair;                            // new
const mcuedit_adapter *const active[] = {&repair}; // new
const mcuedit_set repaired = {active, 1};          // new

MicroInterpreter *interpreter;
} // namespace

int answer_start(void)
{
    static facts_resolver resolver;
    static MicroInterpreter made(GetModel(facts_model), resolver, arena, sizeof(arena));
    interpreter = &made;
    mcuedit_context_init(&context, &facts_base, h, sizeof(h));                             // new
    mcuedit_tflm_init(&deltas, &facts_tflm, &context, facts_model, FACTS_MODEL_SIZE);      // new
    if (!facts_add_ops(&resolver) || made.SetMicroExternalContext(&deltas) != kTfLiteOk || // new
        made.AllocateTensors() != kTfLiteOk) {
        return MCUEDIT_E_RUNTIME;
    }
    int err = mcuedit_tflm_status(&deltas);                                                             // new
    return err ? err : mcuedit_adapter_open(&repair, &facts_base, repair_adapter, REPAIR_ADAPTER_SIZE); // new
}

int answer_repaired(int yes)
{
    return mcuedit_context_set(&context, yes ? &repaired : nullptr); // new
}

const char *answer(const char *question)
{
    int8_t *input = interpreter->input(0)->data.int8;
    mcuedit_text_features(question, static_cast<uint32_t>(strlen(question)), input, FACTS_FEATURES);
    if (interpreter->Invoke() != kTfLiteOk) {
        return nullptr;
    }
    const int8_t *output = interpreter->output(0)->data.int8;
    return facts_label(static_cast<uint16_t>(std::max_element(output, output + FACTS_OUTPUT_SIZE) - output));
}
