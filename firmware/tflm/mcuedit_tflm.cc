/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuedit_tflm.h"

#include <string.h>

namespace
{

enum { WATCH_EMPTY, WATCH_HALF, WATCH_FULL }; /* HALF: the logits are yet to come */

uint32_t InputSize(const mcuedit_op &op)
{
    const mcuedit_window *window = op.window;
    return window == nullptr ? op.positions * op.n_in
                             : static_cast<uint32_t>(window->batches) * window->in_h * window->in_w * window->in_c;
}

uint32_t OutputSize(const mcuedit_op &op)
{
    return op.positions * op.n_out;
}

} // namespace

int mcuedit_tflm_init(mcuedit_tflm *tflm, const mcuedit_tflm_model *model, mcuedit_context *context, const void *data,
                      uint32_t size)
{
    const mcuedit_blob blob = {data, size};
    mcuedit_base given = *model->base;
    given.blobs = &blob;
    given.blob_count = 1;
    tflm->model = model;
    tflm->context = context;
    tflm->missing = model->adaptable;
    tflm->error = size == model->size ? mcuedit_base_check(&given) : MCUEDIT_E_BASE;
    tflm->live = nullptr;
    tflm->watches = nullptr;
    return tflm->error;
}

int mcuedit_tflm_status(const mcuedit_tflm *tflm)
{
    return tflm->error == MCUEDIT_OK && tflm->missing != 0 ? MCUEDIT_E_GEOMETRY : tflm->error;
}

int mcuedit_tflm_watch_start(mcuedit_tflm *tflm, mcuedit_tflm_watch *watch, uint16_t tap, uint16_t target,
                             int8_t *bytes, uint32_t size)
{
    const mcuedit_base *base = tflm->model->base;
    const bool alone = target == MCUEDIT_TFLM_NONE;
    if (tap >= base->op_count || base->ops[tap].n_in == 0 ||
        (!alone && (target < tap || target >= base->op_count || base->ops[target].n_in == 0))) {
        return MCUEDIT_E_GEOMETRY;
    }
    uint32_t x = InputSize(base->ops[tap]), logits = alone ? 0 : OutputSize(base->ops[target]);
    if (size < x || size - x < logits) {
        return MCUEDIT_E_CAPACITY;
    }
    mcuedit_tflm_watch **end = &tflm->watches;
    while (*end != nullptr && *end != watch) {
        end = &(*end)->next;
    }
    *watch = mcuedit_tflm_watch{*end == watch ? watch->next : nullptr, bytes, bytes + x, tap, target, WATCH_EMPTY};
    *end = watch;
    return MCUEDIT_OK;
}

int mcuedit_tflm_watch_take(const mcuedit_tflm *tflm, mcuedit_tflm_watch *watch)
{
    const int error = mcuedit_tflm_status(tflm);
    const bool full = watch->state == WATCH_FULL;
    watch->state = WATCH_EMPTY;
    return error != MCUEDIT_OK || full ? error : MCUEDIT_E_STATE;
}

namespace mcuedit
{
namespace internal
{
namespace
{

/* What a wrapped op keeps: the stock kernel with its own data, and, if the op can carry a delta, where its tensors are.
 */
struct Op {
    TfLiteStatus (*prepare)(TfLiteContext *context, TfLiteNode *node);
    TfLiteStatus (*invoke)(TfLiteContext *context, TfLiteNode *node);
    void (*free)(TfLiteContext *context, void *buffer);
    void (*reset)(TfLiteContext *context, void *buffer);
    void *data;
    mcuedit_tflm *deltas; /* NULL: the op carries none */
    const TfLiteEvalTensor *input;
    TfLiteEvalTensor *output;
    int patch; /* handle of the scratch buffer that a window is gathered in */
    uint16_t index;
    bool is_first; /* of the ops that carry deltas, in an inference */
};

/* Runs a function of the stock kernel, which finds its own data in the node. */
TfLiteStatus RunStock(TfLiteStatus (*function)(TfLiteContext *, TfLiteNode *), Op *op, TfLiteContext *context,
                      TfLiteNode *node)
{
    node->user_data = op->data;
    TfLiteStatus status = function(context, node);
    node->user_data = op;
    return status;
}

/* Has an int8 tensor as many elements? Its quantization is that of the model, whose bytes are proven. */
bool IsInt8(const TfLiteEvalTensor *tensor, uint32_t size)
{
    if (tensor == nullptr || tensor->dims == nullptr || tensor->type != kTfLiteInt8) {
        return false;
    }
    uint32_t elements = 1;
    for (int i = 0; i < tensor->dims->size; i++) {
        elements *= static_cast<uint32_t>(tensor->dims->data[i]);
    }
    return elements == size;
}

/* Index of the op that writes tensor `output`, if it can carry a delta; op_count if there is none. */
uint16_t FindOp(const mcuedit_tflm_model *model, int output)
{
    uint16_t index = 0;
    while (index < model->base->op_count && (model->outputs[index] != output || model->base->ops[index].n_in == 0)) {
        index++;
    }
    return index;
}

/*
 * Takes the op in if the base has it and its tensors are as they should be. Subgraph 0 is prepared first; once nothing
 * of it is missing, tensors of the same index in another one are not taken for it.
 */
void Bind(TfLiteContext *context, TfLiteNode *node, Op *op, mcuedit_tflm *deltas)
{
    uint16_t index =
        deltas->missing == 0 ? deltas->model->base->op_count : FindOp(deltas->model, node->outputs->data[0]);
    if (index == deltas->model->base->op_count) {
        return;
    }
    const mcuedit_op &geometry = deltas->model->base->ops[index];
    const uint16_t *inputs = deltas->model->inputs;
    op->input = Context(context)->GetEvalTensor(inputs == nullptr ? node->inputs->data[0] : inputs[index]);
    op->output = Context(context)->GetEvalTensor(node->outputs->data[0]);
    if (!IsInt8(op->input, InputSize(geometry)) || !IsInt8(op->output, OutputSize(geometry))) {
        return;
    }
    op->deltas = deltas;
    op->index = index;
    op->is_first = deltas->missing == deltas->model->adaptable; /* ops are prepared in the order in which they run */
    deltas->missing--;
    if (mcuedit_tflm_status(deltas) == MCUEDIT_OK) {
        deltas->live = deltas->context;
    }
}

/* The active to add, latched by the first op of an inference; NULL if the op runs as it is. */
inline mcuedit_context *Begin(const Op *op)
{
    mcuedit_context *active = op->deltas == nullptr ? nullptr : op->deltas->live;
    if (active != nullptr && op->is_first) {
        mcuedit_context_latch(active);
    }
    return active;
}

/* Before an op: watches get its input. */
void KeepInput(const Op *op)
{
    for (mcuedit_tflm_watch *watch = op->deltas->watches; watch != nullptr; watch = watch->next) {
        if (watch->tap == op->index) {
            memcpy(watch->x, op->input->data.int8, InputSize(op->deltas->model->base->ops[op->index]));
            watch->state = watch->target == MCUEDIT_TFLM_NONE ? WATCH_FULL : WATCH_HALF;
        }
    }
}

/* After it: its output. */
void KeepOutput(const Op *op)
{
    for (mcuedit_tflm_watch *watch = op->deltas->watches; watch != nullptr; watch = watch->next) {
        if (watch->target == op->index && watch->state == WATCH_HALF) {
            memcpy(watch->logits, op->output->data.int8, OutputSize(op->deltas->model->base->ops[op->index]));
            watch->state = WATCH_FULL;
        }
    }
}

TfLiteStatus RunWatched(TfLiteStatus (*wrapped)(TfLiteContext *, TfLiteNode *), TfLiteContext *context,
                        TfLiteNode *node)
{
    const Op *op = static_cast<const Op *>(node->user_data);
    if (op->deltas != nullptr) {
        KeepInput(op);
    }
    TfLiteStatus status = wrapped(context, node);
    if (status == kTfLiteOk && op->deltas != nullptr) {
        KeepOutput(op);
    }
    return status;
}

} // namespace

void *Init(TfLiteContext *context, const char *buffer, size_t length, const TFLMRegistration &stock,
           mcuedit_tflm *deltas)
{
    Op *op = static_cast<Op *>(Context(context)->AllocatePersistentBuffer(sizeof(Op)));
    if (op != nullptr) {
        void *data = stock.init == nullptr ? nullptr : stock.init(context, buffer, length);
        *op = Op{stock.prepare, stock.invoke, stock.free, stock.reset, data, deltas, nullptr, nullptr, 0, 0, false};
    }
    return op;
}

TfLiteStatus Prepare(TfLiteContext *context, TfLiteNode *node)
{
    Op *op = static_cast<Op *>(node->user_data);
    if (op == nullptr) {
        return kTfLiteError; /* the arena is too small */
    }
    mcuedit_tflm *deltas = op->deltas;
    op->deltas = nullptr;
    TfLiteStatus status = op->prepare == nullptr ? kTfLiteOk : RunStock(op->prepare, op, context, node);
    if (status == kTfLiteOk && deltas != nullptr && deltas->model != nullptr) {
        Bind(context, node, op, deltas);
    }
    return status;
}

TfLiteStatus PrepareWindows(TfLiteContext *context, TfLiteNode *node)
{
    TfLiteStatus status = Prepare(context, node);
    Op *op = static_cast<Op *>(node->user_data);
    if (status != kTfLiteOk || op->deltas == nullptr) {
        return status;
    }
    const mcuedit_op &geometry = op->deltas->model->base->ops[op->index];
    return geometry.window == nullptr ? kTfLiteOk
                                      : Context(context)->RequestScratchBufferInArena(geometry.n_in, &op->patch);
}

TfLiteStatus Invoke(TfLiteContext *context, TfLiteNode *node)
{
    Op *op = static_cast<Op *>(node->user_data);
    mcuedit_context *active = Begin(op);
    if (active == nullptr) {
        return RunStock(op->invoke, op, context, node);
    }
    /* The core looks for the op itself: these two tests spare calls where there is nothing for any op. */
    if (active->ops.tapped != 0) {
        mcuedit_context_project(active, op->index, op->input->data.int8);
    }
    TfLiteStatus status = RunStock(op->invoke, op, context, node);
    if (status == kTfLiteOk && active->due != 0) {
        mcuedit_context_add(active, op->index, op->input->data.int8, op->output->data.int8);
    }
    return status;
}

TfLiteStatus InvokeWindows(TfLiteContext *context, TfLiteNode *node)
{
    Op *op = static_cast<Op *>(node->user_data);
    if (op->deltas == nullptr || op->deltas->model->base->ops[op->index].window == nullptr) {
        return Invoke(context, node);
    }
    mcuedit_context *active = Begin(op);
    TfLiteStatus status = RunStock(op->invoke, op, context, node);
    if (status == kTfLiteOk && active != nullptr) {
        int8_t *patch = static_cast<int8_t *>(Context(context)->GetScratchBuffer(op->patch));
        mcuedit_context_add_windows(active, op->index, op->input->data.int8, op->output->data.int8, patch);
    }
    return status;
}

TfLiteStatus InvokeServed(TfLiteContext *context, TfLiteNode *node)
{
    Op *op = static_cast<Op *>(node->user_data);
    if (op->deltas == nullptr || op->deltas->model->base->ops[op->index].window != nullptr) {
        return InvokeWindows(context, node);
    }
    mcuedit_context *active = Begin(op);
    if (active != nullptr) {
        mcuedit_context_project(active, op->index, op->input->data.int8);
    }
    TfLiteStatus status = RunStock(op->invoke, op, context, node);
    if (status == kTfLiteOk && active != nullptr) {
        mcuedit_context_add_served(active, op->index, op->input->data.int8, op->output->data.int8);
    }
    return status;
}

TfLiteStatus InvokeAccelerator(TfLiteContext *context, TfLiteNode *node)
{
    Op *op = static_cast<Op *>(node->user_data);
    mcuedit_context *active = Begin(op);
    if (active != nullptr) {
        mcuedit_context_project(active, op->index, op->input->data.int8);
        mcuedit_context_take(active, op->index, op->input->data.int8);
    }
    TfLiteStatus status = RunStock(op->invoke, op, context, node);
    if (status == kTfLiteOk && active != nullptr) {
        mcuedit_context_give(active, op->index, op->output->data.int8);
    }
    return status;
}

TfLiteStatus InvokeWatched(TfLiteContext *context, TfLiteNode *node)
{
    return RunWatched(Invoke, context, node);
}

TfLiteStatus InvokeServedWatched(TfLiteContext *context, TfLiteNode *node)
{
    return RunWatched(InvokeServed, context, node);
}

TfLiteStatus InvokeWindowsWatched(TfLiteContext *context, TfLiteNode *node)
{
    return RunWatched(InvokeWindows, context, node);
}

void Free(TfLiteContext *context, void *buffer)
{
    const Op *op = static_cast<const Op *>(buffer);
    if (op != nullptr && op->free != nullptr) {
        op->free(context, op->data);
    }
}

void Reset(TfLiteContext *context, void *buffer)
{
    const Op *op = static_cast<const Op *>(buffer);
    if (op != nullptr && op->reset != nullptr) {
        op->reset(context, op->data);
    }
}

} // namespace internal
} // namespace mcuedit
