/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The deltas of mcuedit inside TensorFlow Lite Micro: any kernel, wrapped.
 *
 * A wrapped kernel runs the stock one and adds the deltas of the active set that an application gives to the
 * interpreter as its external context. The model file stays as it is. No heap, no globals: what an op keeps lies in the
 * arena.
 *
 *     mcuedit_context_init(&context, &NAME_base, h, sizeof(h));
 *     mcuedit_tflm_init(&deltas, &NAME_tflm, &context, model, model_size);
 *     resolver.AddFullyConnected(mcuedit::Wrap<tflite::Register_FULLY_CONNECTED_INT8>());
 *     resolver.AddConv2D(mcuedit::WrapWindows<tflite::Register_CONV_2D_INT8>());
 *     interpreter.SetMicroExternalContext(&deltas);      // before AllocateTensors
 *     interpreter.AllocateTensors();
 *     mcuedit_tflm_status(&deltas);                      // MCUEDIT_OK: what mcuedit_context_set activates is added
 *
 * mcuedit_context_set activates from the next Invoke on, at any time. Without an external context the stock kernels
 * run.
 */
#ifndef MCUEDIT_TFLM_H
#define MCUEDIT_TFLM_H

#include "mcuedit/mcuedit.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a wrapped kernel must know of a model beside its base; generated. */
typedef struct {
    const mcuedit_base *base;
    const uint16_t *outputs; /* tensor index of each op's output */
    const uint16_t *inputs;  /* and of the input that deltas read; NULL: the first of each op */
    uint16_t adaptable;      /* ops that can carry a delta */
    uint32_t size;           /* of the model, in bytes */
} mcuedit_tflm_model;

#define MCUEDIT_TFLM_NONE 0xffffu /* no op */

/* Of an inference, what training needs. Fields are private. */
typedef struct mcuedit_tflm_watch {
    struct mcuedit_tflm_watch *next;
    int8_t *x;      /* input of `tap` */
    int8_t *logits; /* output of `target` */
    uint16_t tap;
    uint16_t target;
    uint8_t state;
} mcuedit_tflm_watch;

/* One interpreter's deltas. Fields are private. */
typedef struct {
    const mcuedit_tflm_model *model;
    mcuedit_context *context;
    mcuedit_context *live;       /* that once mcuedit_tflm_status is MCUEDIT_OK, until then NULL */
    mcuedit_tflm_watch *watches; /* of watched kernels */
    int error;                   /* of the model's bytes */
    uint16_t missing;            /* ops that can carry a delta and were not prepared */
} mcuedit_tflm;

/*
 * For each interpreter, before its AllocateTensors. `data`, `size`: the model that it runs, which are read once and
 * must be those that `model` was made from: the identity of a base is what lies in flash, and no constant. Returns
 * MCUEDIT_E_BASE if they are not: the interpreter then runs the model as it is, whatever is active.
 */
int mcuedit_tflm_init(mcuedit_tflm *tflm, const mcuedit_tflm_model *model, mcuedit_context *context, const void *data,
                      uint32_t size);

/*
 * Whether active adapters are added. MCUEDIT_E_BASE: the model is not that of the base. MCUEDIT_E_GEOMETRY: an op that
 * can carry a delta was not prepared by a wrapped kernel, or its tensors are not as they should be.
 */
int mcuedit_tflm_status(const mcuedit_tflm *tflm);

/*
 * From the next Invoke on, copies what mcuedit/train.h and train_factors.h take: the whole input of op `tap`, then, if
 * `target` is not MCUEDIT_TFLM_NONE, the whole output of op `target` with its deltas, which runs after the tap or is
 * it. Both ops must have watched kernels (WrapWatched, WrapWindowsWatched); other kernels pay nothing for it. After
 * mcuedit_tflm_init; any number of watches. MCUEDIT_E_GEOMETRY: no such op, or it can carry no delta.
 * MCUEDIT_E_CAPACITY: `size` bytes are too few.
 */
int mcuedit_tflm_watch_start(mcuedit_tflm *tflm, mcuedit_tflm_watch *watch, uint16_t tap, uint16_t target,
                             int8_t *bytes, uint32_t size);

/*
 * After an Invoke, once: MCUEDIT_OK if the bytes of `watch` are its. They stay until the next Invoke. MCUEDIT_E_STATE:
 * there was none, it failed, or the kernels are not watched; MCUEDIT_E_BASE and MCUEDIT_E_GEOMETRY as the status.
 */
int mcuedit_tflm_watch_take(const mcuedit_tflm *tflm, mcuedit_tflm_watch *watch);

#ifdef __cplusplus
}

#include "compat.h"

namespace mcuedit
{

using namespace tflm;

/* A stock kernel: tflite::Register_FULLY_CONNECTED and its like. */
typedef TFLMRegistration (*Stock)();

/* Finds the deltas of an interpreter; NULL if it has none. */
typedef mcuedit_tflm *(*Find)(TfLiteContext *context);

/*
 * The application gave them as external context. One that gives a structure of its own has a function of its own:
 *
 *     mcuedit_tflm *FindMine(TfLiteContext *context)
 *     {
 *         return &static_cast<Mine *>(mcuedit::tflm::Context(context)->external_context())->deltas;
 *     }
 *     ... mcuedit::Wrap<tflite::Register_FULLY_CONNECTED, FindMine>()
 */
inline mcuedit_tflm *ExternalContext(TfLiteContext *context)
{
    return static_cast<mcuedit_tflm *>(Context(context)->external_context());
}

namespace internal
{
void *Init(TfLiteContext *context, const char *buffer, size_t length, const TFLMRegistration &stock,
           mcuedit_tflm *deltas);
TfLiteStatus Prepare(TfLiteContext *context, TfLiteNode *node);
TfLiteStatus PrepareWindows(TfLiteContext *context, TfLiteNode *node);
TfLiteStatus Invoke(TfLiteContext *context, TfLiteNode *node);
TfLiteStatus InvokeWindows(TfLiteContext *context, TfLiteNode *node);
TfLiteStatus InvokeServed(TfLiteContext *context, TfLiteNode *node);
TfLiteStatus InvokeAccelerator(TfLiteContext *context, TfLiteNode *node);
TfLiteStatus InvokeWatched(TfLiteContext *context, TfLiteNode *node);
TfLiteStatus InvokeServedWatched(TfLiteContext *context, TfLiteNode *node);
TfLiteStatus InvokeWindowsWatched(TfLiteContext *context, TfLiteNode *node);
void Free(TfLiteContext *context, void *buffer);
void Reset(TfLiteContext *context, void *buffer);

template <Stock kStock, Find kFind> void *InitOf(TfLiteContext *context, const char *buffer, size_t length)
{
    return Init(context, buffer, length, kStock(), kFind(context));
}
} // namespace internal

/* FULLY_CONNECTED with deltas, and any other op without windows. */
template <Stock kStock, Find kFind = ExternalContext> TFLMRegistration Wrap()
{
    TFLMRegistration wrapped = kStock();
    wrapped.init = internal::InitOf<kStock, kFind>;
    wrapped.prepare = internal::Prepare;
    wrapped.invoke = internal::Invoke;
    wrapped.free = internal::Free;
    wrapped.reset = internal::Reset;
    return wrapped;
}

/* An accelerator's op, which does not leave its input as it was: WrapAccelerator<Custom<tflite::Register_ETHOSU>>. */
template <Stock kStock, Find kFind = ExternalContext> TFLMRegistration WrapAccelerator()
{
    TFLMRegistration wrapped = Wrap<kStock, kFind>();
    wrapped.invoke = internal::InvokeAccelerator;
    return wrapped;
}

/* What a function gives that returns a pointer: how TFLM registers custom ops. */
template <TFLMRegistration *(*kRegister)()> TFLMRegistration Custom()
{
    return *kRegister();
}

/* Any op at all, whose output may be a tap: of a custom one, resolver.AddCustom(name, &wrapped) copies the
 * registration. */
template <Stock kStock, Find kFind = ExternalContext> TFLMRegistration WrapServed()
{
    TFLMRegistration wrapped = Wrap<kStock, kFind>();
    wrapped.prepare = internal::PrepareWindows;
    wrapped.invoke = internal::InvokeServed;
    return wrapped;
}

/* CONV_2D, too, whose rows lie under windows. */
template <Stock kStock, Find kFind = ExternalContext> TFLMRegistration WrapWindows()
{
    TFLMRegistration wrapped = Wrap<kStock, kFind>();
    wrapped.prepare = internal::PrepareWindows;
    wrapped.invoke = internal::InvokeWindows;
    return wrapped;
}

/* The same for firmware that trains: with what a mcuedit_tflm_watch wants. */
template <Stock kStock, Find kFind = ExternalContext> TFLMRegistration WrapWatched()
{
    TFLMRegistration wrapped = Wrap<kStock, kFind>();
    wrapped.invoke = internal::InvokeWatched;
    return wrapped;
}

template <Stock kStock, Find kFind = ExternalContext> TFLMRegistration WrapServedWatched()
{
    TFLMRegistration wrapped = WrapServed<kStock, kFind>();
    wrapped.invoke = internal::InvokeServedWatched;
    return wrapped;
}

template <Stock kStock, Find kFind = ExternalContext> TFLMRegistration WrapWindowsWatched()
{
    TFLMRegistration wrapped = WrapWindows<kStock, kFind>();
    wrapped.invoke = internal::InvokeWindowsWatched;
    return wrapped;
}

} // namespace mcuedit
#endif

#endif
