/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel wrapper inside the Python runtime of TFLM (mcuedit/emulate/backends/plugin.py): a shared library for the
 * host, in place of common/tflm.cc. The runtime has an interpreter of its own and sets no external context: hence what
 * is static here.
 */
#include "apps/common/tflm.h"

#include "mcuedit_tflm.h"
#include "model.h"
#include "tensorflow/lite/micro/micro_op_resolver.h"

#define EXPORT extern "C" MCUEDIT_EXPORT

EXPORT void plugin_model(const void *data, uint32_t size);
EXPORT int plugin_status(void);
EXPORT int plugin_watch(uint16_t tap, uint16_t target, int8_t *bytes, uint32_t size);
EXPORT int plugin_take(void);
EXPORT bool plugin_register(mcuedit::tflm::MicroOpResolver *resolver);

int8_t *tflm_input;
int8_t *tflm_output;
alignas(int16_t) int8_t tflm_logits[MODEL_LOGITS_BYTES];

namespace
{
using namespace mcuedit::tflm;

struct {
    const void *data;
    uint32_t size;
} model;
mcuedit_tflm deltas;
mcuedit_tflm_watch watch;
/* The stock kernel of a kind: a function as the wrapper takes it, and where it finds what it gives. */
template <BuiltinOperator kOp> TFLMRegistration &Kept()
{
    static TFLMRegistration kept;
    return kept;
}

template <BuiltinOperator kOp> TFLMRegistration Stock()
{
    return Kept<kOp>();
}

mcuedit_tflm *Deltas(TfLiteContext *)
{
    return &deltas;
}

/* Puts a wrapped kernel in the place of the stock one. */
template <BuiltinOperator kOp> bool Replace(const TFLMRegistration *found, TFLMRegistration (*wrap)())
{
    if (found == nullptr) {
        return false;
    }
    Kept<kOp>() = *found;
    *const_cast<TFLMRegistration *>(found) = wrap();
    return true;
}

} // namespace

/* The model that the runtime will run; before the rest. */
void plugin_model(const void *data, uint32_t size)
{
    model = {data, size};
}

int plugin_status(void)
{
    return mcuedit_tflm_status(&deltas);
}

int plugin_watch(uint16_t tap, uint16_t target, int8_t *bytes, uint32_t size)
{
    return mcuedit_tflm_watch_start(&deltas, &watch, tap, target, bytes, size);
}

int plugin_take(void)
{
    return mcuedit_tflm_watch_take(&deltas, &watch);
}

/* Linked under a name that no other library of the process has (mcuedit/build/driver.py). */
bool plugin_register(mcuedit::tflm::MicroOpResolver *resolver)
{
#define STOCK(kind)          Stock<BuiltinOperator_##kind>, Deltas
#define REPLACED(kind, wrap) Replace<BuiltinOperator_##kind>(resolver->FindOp(BuiltinOperator_##kind), wrap)
#define ALSO(kind)           &&REPLACED(kind, mcuedit::WrapServedWatched<STOCK(kind)>)
    return REPLACED(FULLY_CONNECTED, mcuedit::WrapServedWatched<STOCK(FULLY_CONNECTED)>) &&
           REPLACED(CONV_2D, mcuedit::WrapServedWatched<STOCK(CONV_2D)>) MODEL_WRAPPED(ALSO)
#if MODEL_HAS_ACCELERATOR
           && Replace<BuiltinOperator_CUSTOM>(resolver->FindOp("ethos-u"), mcuedit::WrapAccelerator<STOCK(CUSTOM)>)
#endif
        ;
}

int tflm_start(mcuedit_context *context, int8_t *arena)
{
    tflm_input = tflm_output = arena;
    return mcuedit_tflm_init(&deltas, &MODEL_TFLM, context, model.data, model.size);
}

int tflm_infer(void)
{
    return MCUEDIT_E_RUNTIME; /* the Python runtime does that */
}

void tflm_reset(void)
{
    /* so does that */
}

uint32_t tflm_arena_used(void)
{
    return 0;
}
