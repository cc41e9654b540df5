/* SPDX-License-Identifier: Apache-2.0 */
#include "tflm.h"

#include <cstdarg>
#include <cstring>
#include <new>

#include "model.h"
#include "resolver.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/schema/schema_generated.h"

extern "C" {
#include "port/port.h"
#if MCUEDIT_TRACE
#include "port/trace.h"
#endif

int8_t *tflm_input;
int8_t *tflm_output;
alignas(int16_t) int8_t tflm_logits[MODEL_LOGITS_BYTES];

void DebugLog(const char *format, va_list arguments);
int DebugVsnprintf(char *buffer, size_t size, const char *format, va_list arguments);
}

namespace
{
using namespace mcuedit::tflm;

/* Made by tflm_start: no constructor runs before main. */
alignas(MODEL_RESOLVER) unsigned char resolver_place[sizeof(MODEL_RESOLVER)];
alignas(MicroInterpreter) unsigned char interpreter_place[sizeof(MicroInterpreter)];
MicroInterpreter *interpreter;
mcuedit_tflm deltas;
#ifdef MODEL_SET_INPUT /* the interpreter's ends are of another type, or several */
int8_t core_input[MODEL_INPUT_SIZE];
alignas(int16_t) int8_t core_output[MODEL_OUTPUT_SIZE];
#endif

#ifdef MODEL_KEPT
struct Kept {
    int tensor;
    int8_t *to;
    uint32_t size;
};
const Kept kept[] = MODEL_KEPT;

/* A kernel that keeps what it reads, if that is to be kept: the arena has it no longer when an inference is over. */
template <BuiltinOperator kKind> struct Keeping {
    static TfLiteStatus (*stock)(TfLiteContext *, TfLiteNode *);

    static TfLiteStatus Invoke(TfLiteContext *context, TfLiteNode *node)
    {
        for (const Kept &one : kept) {
            if (one.tensor == node->inputs->data[0]) {
                const TfLiteEvalTensor *read = Context(context)->GetEvalTensor(one.tensor);
                memcpy(one.to, read->data.int8, one.size);
            }
        }
        return stock(context, node);
    }
};
template <BuiltinOperator kKind> TfLiteStatus (*Keeping<kKind>::stock)(TfLiteContext *, TfLiteNode *);

template <BuiltinOperator kKind> void Keep(MODEL_RESOLVER *resolver)
{
    auto *kernel = const_cast<TFLMRegistration *>(resolver->FindOp(kKind));
    Keeping<kKind>::stock = kernel->invoke;
    kernel->invoke = Keeping<kKind>::Invoke;
}
#endif

void PrintArgument(char conversion, va_list *arguments)
{
    if (conversion == 's') {
        port_print(va_arg(*arguments, const char *));
        return;
    }
    int value = va_arg(*arguments, int);
    if (conversion == 'd' && value < 0) {
        port_print("-");
        value = -value;
    }
    port_print_unsigned(static_cast<uint32_t>(value));
}

} // namespace

/* TFLM's log, on the console: %d, %u, %s and their like of 32 bits. */
void DebugLog(const char *format, va_list arguments)
{
    va_list left;
    va_copy(left, arguments);
    for (; *format != '\0'; format++) {
        if (*format != '%') {
            port_uart_write(static_cast<uint8_t>(*format));
            continue;
        }
        do {
            format++;
        } while (*format == 'l' || *format == 'z');
        if (*format == '\0') {
            break;
        }
        PrintArgument(*format, &left);
    }
    va_end(left);
}

/* TFLM formats into memory only where it profiles; its own version would link all of printf. */
int DebugVsnprintf(char *buffer, size_t size, const char *, va_list)
{
    if (size != 0) {
        buffer[0] = '\0';
    }
    return 0;
}

int tflm_start(mcuedit_context *context, int8_t *arena)
{
    tflm_input = tflm_output = arena;
    int err = mcuedit_tflm_init(&deltas, &MODEL_TFLM, context, MODEL_DATA, MODEL_DATA_SIZE);
    if (err) {
        return err;
    }
    auto *resolver = new (resolver_place) MODEL_RESOLVER;
    interpreter = new (interpreter_place)
        MicroInterpreter(GetModel(MODEL_DATA), *resolver, reinterpret_cast<uint8_t *>(arena), MODEL_ARENA_SIZE);
    const bool added = MODEL_ADD_OPS(resolver);
#ifdef MODEL_KEPT
    MODEL_KEEP(resolver);
#endif
    if (!added || interpreter->SetMicroExternalContext(&deltas) != kTfLiteOk ||
        interpreter->AllocateTensors() != kTfLiteOk) {
        return MCUEDIT_E_RUNTIME;
    }
#ifdef MODEL_SET_INPUT
    tflm_input = core_input;
    tflm_output = core_output;
#else
    tflm_input = interpreter->input(0)->data.int8;
    tflm_output = interpreter->output(0)->data.int8;
#endif
    return mcuedit_tflm_status(&deltas);
}

int tflm_infer(void)
{
#ifdef MODEL_SET_INPUT
    MODEL_SET_INPUT(interpreter, tflm_input);
#endif
#if MCUEDIT_TRACE
    mcuedit_trace();
    TfLiteStatus status = interpreter->Invoke();
    mcuedit_trace();
#else
    TfLiteStatus status = interpreter->Invoke();
#endif
#ifdef MODEL_GET_OUTPUT
    MODEL_GET_OUTPUT(interpreter, tflm_output);
#endif
    return status == kTfLiteOk ? MCUEDIT_OK : MCUEDIT_E_RUNTIME;
}

void tflm_reset(void)
{
    (void)interpreter->Reset();
}

uint32_t tflm_arena_used(void)
{
    return interpreter == nullptr ? 0 : static_cast<uint32_t>(interpreter->arena_used_bytes());
}
