/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A custom op "ethos-u" inside the Python runtime of TFLM that computes what a function of the test says, and leaves
 * nothing of its input and working memory as it was, as the accelerator may. It takes the place of a custom op that
 * the runtime has.
 */
#include <string.h>

#include "tensorflow/lite/micro/micro_op_resolver.h"
#include "tflm/compat.h"

using namespace mcuedit::tflm;

#define EXPORT extern "C" __attribute__((visibility("default")))

typedef void (*Compute)(const int8_t *x, int8_t *y);

EXPORT void standin_set(Compute function);
EXPORT bool STANDIN_REGISTERER(MicroOpResolver *resolver);

static Compute compute;

static size_t Size(const TfLiteEvalTensor *tensor)
{
    size_t size = 1;
    for (int i = 0; i < tensor->dims->size; i++) {
        size *= static_cast<size_t>(tensor->dims->data[i]);
    }
    return size;
}

static TfLiteStatus Invoke(TfLiteContext *context, TfLiteNode *node)
{
    enum { COMMANDS, CONSTANTS, SCRATCH }; /* and then what the net takes */
    static int8_t x[4096], y[4096];
    TfLiteEvalTensor *input = Context(context)->GetEvalTensor(node->inputs->data[node->inputs->size - 1]);
    TfLiteEvalTensor *scratch = Context(context)->GetEvalTensor(node->inputs->data[SCRATCH]);
    TfLiteEvalTensor *output = Context(context)->GetEvalTensor(node->outputs->data[0]);
    if (compute == nullptr || Size(input) > sizeof(x) || Size(output) > sizeof(y)) {
        return kTfLiteError;
    }
    memcpy(x, input->data.int8, Size(input));
    compute(x, y);
    memset(scratch->data.data, 0x55, Size(scratch));
    memset(input->data.int8, 0x2A, Size(input));
    memcpy(output->data.int8, y, Size(output));
    return kTfLiteOk;
}

void standin_set(Compute function)
{
    compute = function;
}

bool STANDIN_REGISTERER(MicroOpResolver *resolver)
{
    static TFLMRegistration standin;
    auto *found = const_cast<TFLMRegistration *>(resolver->FindOp("SignalFftAutoScale"));
    if (found == nullptr) {
        return false;
    }
    standin.builtin_code = found->builtin_code;
    standin.custom_name = "ethos-u";
    standin.invoke = Invoke;
    *found = standin;
    return true;
}
