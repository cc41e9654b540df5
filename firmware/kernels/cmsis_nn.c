/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ops with weights by Arm's CMSIS-NN, where the build has it (CMSIS_NN_ROOT; it defines MCUEDIT_CMSIS_NN): the same
 * bytes, as long as CMSIS_NN_USE_SINGLE_ROUNDING is not defined.
 *
 * CMSIS-NN wants shifts of 32 bits, biases without the input's zero point, and buffers. They lie in a workspace, the
 * one static memory of the engine: with it, one inference at a time. An op that needs more of it is not taken.
 */
#include "mcuedit/config.h"

#if MCUEDIT_CMSIS_NN

#include "cmsis_nn.h"

#include "arm_nnfunctions.h"

#define WORDS ((int32_t)(MCUEDIT_CMSIS_NN_WORKSPACE / sizeof(int32_t)))

static int32_t workspace[WORDS];

/* Multipliers and shifts of all channels, and what the workspace has left. */
typedef struct {
    cmsis_nn_per_channel_quant_params quant;
    int32_t *free;
    int32_t words;
} call;

static bool make_call(call *made, const mcuedit_requant *from, int32_t channels)
{
    if (channels > WORDS / 2) {
        return false;
    }
    made->quant.multiplier = workspace;
    made->quant.shift = workspace + channels;
    made->free = workspace + 2 * channels;
    made->words = WORDS - 2 * channels;
    for (int32_t i = 0; i < channels; i++) {
        made->quant.multiplier[i] = from->multipliers[i * from->per_channel];
        made->quant.shift[i] = from->shifts[i * from->per_channel];
    }
    return true;
}

static bool has_buffer(const call *in, int32_t size)
{
    return size >= 0 && size <= in->words * (int32_t)sizeof(int32_t);
}

static cmsis_nn_context context(const call *in, int32_t size)
{
    return (cmsis_nn_context){in->free, size};
}

static bool convolve(const mcuedit_matmul *op, call *in, const cmsis_nn_conv_params *params, const int32_t *bias,
                     const cmsis_nn_dims *input_dims, const int8_t *input, const cmsis_nn_dims *filter_dims,
                     const cmsis_nn_dims *output_dims, int8_t *output)
{
    int32_t size = arm_convolve_wrapper_s8_get_buffer_size(params, input_dims, filter_dims, output_dims);
    cmsis_nn_dims bias_dims = {1, 1, 1, (int32_t)op->n_out};
    cmsis_nn_context buffer = context(in, size);
    return has_buffer(in, size) &&
           arm_convolve_wrapper_s8(&buffer, params, &in->quant, input_dims, input, filter_dims, op->weights, &bias_dims,
                                   bias, output_dims, output) == ARM_CMSIS_NN_SUCCESS;
}

/* With an input offset of 0 the folded biases are the sums of the filters that FULLY_CONNECTED wants with MVE. */
bool mcuedit_cmsis_fully_connected(const mcuedit_fully_connected *op, const int8_t *input, int8_t *output)
{
    const mcuedit_matmul *matrix = &op->matrix;
    const mcuedit_requant *to = &matrix->requant;
    int32_t n_in = (int32_t)matrix->n_in, n_out = (int32_t)matrix->n_out, rows = (int32_t)op->positions;
    call in;
    if (!make_call(&in, to, n_out)) {
        return false;
    }
    cmsis_nn_activation activation = {to->act_lo, to->act_hi};
    if (rows > 1) {
        cmsis_nn_conv_params params = {0, to->zero_point, {1, 1}, {0, 0}, {1, 1}, activation};
        cmsis_nn_dims input_dims = {1, 1, rows, n_in}, filter_dims = {n_out, 1, 1, n_in}, out = {1, 1, rows, n_out};
        return convolve(matrix, &in, &params, matrix->bias, &input_dims, input, &filter_dims, &out, output);
    }
    cmsis_nn_fc_params params = {0, 0, to->zero_point, activation};
    cmsis_nn_dims input_dims = {1, 1, 1, n_in}, filter_dims = {n_in, 1, 1, n_out}, out = {1, 1, 1, n_out};
    if (n_out > in.words) {
        return false;
    }
    for (int32_t i = 0; i < n_out; i++) {
        in.free[i] = matrix->bias[i];
    }
    cmsis_nn_context sums = context(&in, n_out * (int32_t)sizeof(int32_t));
    return arm_fully_connected_per_channel_s8(&sums, &params, &in.quant, &input_dims, input, &filter_dims,
                                              matrix->weights, &out, matrix->bias, &out,
                                              output) == ARM_CMSIS_NN_SUCCESS;
}

/* Padding is the negative input offset, hence the biases without the zero point that was folded into them. */
bool mcuedit_cmsis_conv_2d(const mcuedit_conv_2d *op, const int8_t *input, int8_t *output)
{
    const mcuedit_window *over = op->window;
    const mcuedit_matmul *filters = &op->filters;
    const mcuedit_requant *to = &filters->requant;
    int32_t n_out = (int32_t)filters->n_out;
    call in;
    if (!make_call(&in, to, n_out) || in.words < n_out) {
        return false;
    }
    const int8_t *weights = filters->weights;
    for (int32_t i = 0; i < n_out; i++) {
        int32_t sum = 0;
        for (uint32_t k = filters->n_in; k != 0; k--) {
            sum += *weights++;
        }
        in.free[i] = filters->bias[i] + op->input_zero_point * sum;
    }
    const int32_t *bias = in.free;
    in.free += n_out;
    in.words -= n_out;
    cmsis_nn_conv_params params = {-op->input_zero_point,
                                   to->zero_point,
                                   {over->stride_w, over->stride_h},
                                   {over->pad_left, over->pad_top},
                                   {over->dilation_w, over->dilation_h},
                                   {to->act_lo, to->act_hi}};
    cmsis_nn_dims input_dims = {over->batches, over->in_h, over->in_w, over->in_c};
    cmsis_nn_dims filter_dims = {n_out, over->kernel_h, over->kernel_w, over->in_c / op->groups};
    cmsis_nn_dims output_dims = {over->batches, over->out_h, over->out_w, n_out};
    return convolve(filters, &in, &params, bias, &input_dims, input, &filter_dims, &output_dims, output);
}

bool mcuedit_cmsis_depthwise_conv_2d(const mcuedit_depthwise_conv_2d *op, const int8_t *input, int8_t *output)
{
    const mcuedit_window *over = op->window;
    const mcuedit_requant *to = &op->requant;
    int32_t out_c = over->in_c * op->multiplier;
    call in;
    if (!make_call(&in, to, out_c)) {
        return false;
    }
    cmsis_nn_dw_conv_params params = {-op->input_zero_point,
                                      to->zero_point,
                                      op->multiplier,
                                      {over->stride_w, over->stride_h},
                                      {over->pad_left, over->pad_top},
                                      {over->dilation_w, over->dilation_h},
                                      {to->act_lo, to->act_hi}};
    cmsis_nn_dims input_dims = {over->batches, over->in_h, over->in_w, over->in_c};
    cmsis_nn_dims filter_dims = {1, over->kernel_h, over->kernel_w, out_c}, bias_dims = {1, 1, 1, out_c};
    cmsis_nn_dims output_dims = {over->batches, over->out_h, over->out_w, out_c};
    int32_t size = arm_depthwise_conv_wrapper_s8_get_buffer_size(&params, &input_dims, &filter_dims, &output_dims);
    cmsis_nn_context buffer = context(&in, size);
    return has_buffer(&in, size) &&
           arm_depthwise_conv_wrapper_s8(&buffer, &params, &in.quant, &input_dims, input, &filter_dims, op->weights,
                                         &bias_dims, op->bias, &output_dims, output) == ARM_CMSIS_NN_SUCCESS;
}

#else
typedef int mcuedit_no_cmsis_nn; /* C wants a declaration in every file */
#endif
