/* SPDX-License-Identifier: Apache-2.0 */
/* Calls a function of the test after every FULLY_CONNECTED, the wrapped one: in the middle of an inference. */
#include "tflm/compat.h"
#include "tensorflow/lite/micro/micro_op_resolver.h"

using namespace mcuedit::tflm;

#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT void hook_set(void (*function)(void));
EXPORT bool HOOK_REGISTERER(MicroOpResolver *resolver);

static void (*hook)(void);
static TFLMRegistration wrapped;

static TfLiteStatus Invoke(TfLiteContext *context, TfLiteNode *node)
{
    TfLiteStatus status = wrapped.invoke(context, node);
    if (hook != nullptr) {
        hook();
    }
    return status;
}

void hook_set(void (*function)(void))
{
    hook = function;
}

bool HOOK_REGISTERER(MicroOpResolver *resolver)
{
    auto *found = const_cast<TFLMRegistration *>(resolver->FindOp(BuiltinOperator_FULLY_CONNECTED));
    wrapped = *found;
    found->invoke = Invoke;
    return true;
}
