/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ops by Arm's CMSIS-NN, where the build has it (CMSIS_NN_ROOT; it defines MCUEDIT_CMSIS_NN): the same bytes, as long
 * as CMSIS_NN_USE_SINGLE_ROUNDING is not defined.
 *
 * CMSIS-NN wants shifts of 32 bits, biases without the input's zero point, and buffers. They lie in a workspace, the
 * one static memory of the engine: with it, one inference at a time. What an op wants of constants is made when it runs
 * for the first time, and kept; buffers share what is left. An op that needs more than that is not taken.
 */
#include "mcuedit/config.h"

#if MCUEDIT_CMSIS_NN

#include "cmsis_nn.h"

#include "arm_nnfunctions.h"

#define WORDS      ((int32_t)(MCUEDIT_CMSIS_NN_WORKSPACE / sizeof(int32_t)))
#define KEPT_MAX   128 /* ops with weights */
#define LEFT_SHIFT 20  /* of the operands of ADD */

/* What an op is known by, and its constants. */
typedef struct {
    const int8_t *weights;
    const int32_t *bias;
    const int8_t *shifts;
    int32_t zero; /* what the biases are made for */
    cmsis_nn_per_channel_quant_params quant;
    const int32_t *plain; /* the biases without the input's zero point */
} kept;

static int32_t workspace[WORDS];
static int32_t words; /* of it, that constants take */
static kept ops[KEPT_MAX];
static uint32_t count, next; /* ops run in the same order again and again */

static int32_t *take(int32_t size)
{
    int32_t *taken = workspace + words;
    if (size > WORDS - words) {
        return 0;
    }
    words += size;
    return taken;
}

static bool is_kept(const kept *one, const int8_t *weights, const int32_t *bias, const mcuedit_requant *to,
                    int32_t zero)
{
    return one->weights == weights && one->bias == bias && one->shifts == to->shifts && one->zero == zero;
}

static bool keep_scales(kept *made, const mcuedit_requant *to, int32_t channels)
{
    int32_t *shifts = take(channels), *multipliers = (int32_t *)(uintptr_t)to->multipliers;
    if (!to->per_channel) {
        multipliers = take(channels);
    }
    if (!shifts || !multipliers) {
        return false;
    }
    for (int32_t i = 0; i < channels; i++) {
        shifts[i] = to->shifts[i * to->per_channel];
        if (!to->per_channel) {
            multipliers[i] = *to->multipliers;
        }
    }
    made->quant.multiplier = multipliers;
    made->quant.shift = shifts;
    return true;
}

/* Padding is the negative input offset, hence biases without the zero point that was folded into them. */
static bool keep_biases(kept *made, const mcuedit_matmul *filters, int32_t zero)
{
    int32_t channels = (int32_t)filters->n_out, *biases = take(channels);
    const int8_t *weights = filters->weights;
    for (int32_t i = 0; biases && i < channels; i++) {
        int32_t sum = 0;
        for (uint32_t k = filters->n_in; k != 0; k--) {
            sum += *weights++;
        }
        biases[i] = filters->bias[i] + zero * sum;
    }
    made->plain = biases;
    return biases != 0;
}

/* The constants of an op: 0 where there is no room. `zero` is 0 where biases stay as they are. */
static const kept *constants(const mcuedit_matmul *op, int32_t zero)
{
    for (uint32_t i = 0; i < count; i++) {
        const kept *one = &ops[next];
        next = next + 1u < count ? next + 1u : 0;
        if (is_kept(one, op->weights, op->bias, &op->requant, zero)) {
            return one;
        }
    }
    if (count == KEPT_MAX) {
        return 0;
    }
    int32_t before = words;
    kept *made = &ops[count];
    *made = (kept){.weights = op->weights, .bias = op->bias, .shifts = op->requant.shifts, .zero = zero};
    made->plain = op->bias;
    if (!keep_scales(made, &op->requant, (int32_t)op->n_out) || (zero != 0 && !keep_biases(made, op, zero))) {
        words = before;
        return 0;
    }
    count++;
    return made;
}

static bool has_buffer(int32_t size)
{
    return size >= 0 && size <= (WORDS - words) * (int32_t)sizeof(int32_t);
}

static cmsis_nn_context context(int32_t size)
{
    return (cmsis_nn_context){workspace + words, size};
}

static bool convolve(const mcuedit_matmul *op, const kept *of, const cmsis_nn_conv_params *params,
                     const cmsis_nn_dims *input_dims, const int8_t *input, const cmsis_nn_dims *filter_dims,
                     const cmsis_nn_dims *output_dims, int8_t *output)
{
    int32_t size = arm_convolve_wrapper_s8_get_buffer_size(params, input_dims, filter_dims, output_dims);
    cmsis_nn_dims bias_dims = {1, 1, 1, (int32_t)op->n_out};
    cmsis_nn_context buffer = context(size);
    return has_buffer(size) &&
           arm_convolve_wrapper_s8(&buffer, params, &of->quant, input_dims, input, filter_dims, op->weights, &bias_dims,
                                   of->plain, output_dims, output) == ARM_CMSIS_NN_SUCCESS;
}

static bool positions(const mcuedit_fully_connected *op, const int8_t *input, int8_t *output)
{
    const mcuedit_matmul *matrix = &op->matrix;
    const kept *of = constants(matrix, 0);
    int32_t n_in = (int32_t)matrix->n_in, n_out = (int32_t)matrix->n_out, rows = (int32_t)op->positions;
    cmsis_nn_conv_params params = {
        0, matrix->requant.zero_point, {1, 1}, {0, 0}, {1, 1}, {matrix->requant.act_lo, matrix->requant.act_hi}};
    cmsis_nn_dims input_dims = {1, 1, rows, n_in}, filter_dims = {n_out, 1, 1, n_in}, out = {1, 1, rows, n_out};
    return of && convolve(matrix, of, &params, &input_dims, input, &filter_dims, &out, output);
}

/* With an input offset of 0 the folded biases are the sums of the filters that FULLY_CONNECTED wants with MVE. */
bool mcuedit_cmsis_fully_connected(const mcuedit_fully_connected *op, const int8_t *input, int8_t *output)
{
    const mcuedit_matmul *matrix = &op->matrix;
    const mcuedit_requant *to = &matrix->requant;
    if (op->positions > 1) {
        return positions(op, input, output);
    }
    int32_t n_in = (int32_t)matrix->n_in, n_out = (int32_t)matrix->n_out;
    cmsis_nn_fc_params params = {0, 0, to->zero_point, {to->act_lo, to->act_hi}};
    cmsis_nn_dims input_dims = {1, 1, 1, n_in}, filter_dims = {n_in, 1, 1, n_out}, out = {1, 1, 1, n_out};
    cmsis_nn_context sums = {(void *)(uintptr_t)matrix->bias, n_out * (int32_t)sizeof(int32_t)};
    if (!to->per_channel) {
        cmsis_nn_per_tensor_quant_params quant = {*to->multipliers, *to->shifts};
        return arm_fully_connected_s8(&sums, &params, &quant, &input_dims, input, &filter_dims, matrix->weights, &out,
                                      matrix->bias, &out, output) == ARM_CMSIS_NN_SUCCESS;
    }
    const kept *of = constants(matrix, 0);
    return of && arm_fully_connected_per_channel_s8(&sums, &params, &of->quant, &input_dims, input, &filter_dims,
                                                    matrix->weights, &out, matrix->bias, &out,
                                                    output) == ARM_CMSIS_NN_SUCCESS;
}

bool mcuedit_cmsis_conv_2d(const mcuedit_conv_2d *op, const int8_t *input, int8_t *output)
{
    const mcuedit_window *over = op->window;
    const mcuedit_matmul *filters = &op->filters;
    const mcuedit_requant *to = &filters->requant;
    const kept *of = constants(filters, op->input_zero_point);
    cmsis_nn_conv_params params = {-op->input_zero_point,
                                   to->zero_point,
                                   {over->stride_w, over->stride_h},
                                   {over->pad_left, over->pad_top},
                                   {over->dilation_w, over->dilation_h},
                                   {to->act_lo, to->act_hi}};
    int32_t n_out = (int32_t)filters->n_out;
    cmsis_nn_dims input_dims = {over->batches, over->in_h, over->in_w, over->in_c};
    cmsis_nn_dims filter_dims = {n_out, over->kernel_h, over->kernel_w, over->in_c / op->groups};
    cmsis_nn_dims output_dims = {over->batches, over->out_h, over->out_w, n_out};
    return of && convolve(filters, of, &params, &input_dims, input, &filter_dims, &output_dims, output);
}

bool mcuedit_cmsis_depthwise_conv_2d(const mcuedit_depthwise_conv_2d *op, const int8_t *input, int8_t *output)
{
    const mcuedit_window *over = op->window;
    const mcuedit_requant *to = &op->requant;
    int32_t out_c = over->in_c * op->multiplier;
    const mcuedit_matmul as_matrix = {op->weights, op->bias, 0, (uint32_t)out_c, *to};
    const kept *of = constants(&as_matrix, 0);
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
    cmsis_nn_context buffer = context(size);
    return of && has_buffer(size) &&
           arm_depthwise_conv_wrapper_s8(&buffer, &params, &of->quant, &input_dims, input, &filter_dims, op->weights,
                                         &bias_dims, op->bias, &output_dims, output) == ARM_CMSIS_NN_SUCCESS;
}

/* Where both operands have the size of the output; SUB is none of CMSIS-NN's. */
bool mcuedit_cmsis_add(const mcuedit_add *op, const int8_t *a, const int8_t *b, int8_t *output)
{
    return op->depth == 0 && op->a.step == 1u && op->b.step == 1u && op->sign > 0 &&
           arm_elementwise_add_s8(a, b, -op->a.zero_point, op->a.multiplier, op->a.shift, -op->b.zero_point,
                                  op->b.multiplier, op->b.shift, LEFT_SHIFT, output, op->zero_point, op->multiplier,
                                  op->shift, op->act_lo, op->act_hi, (int32_t)op->count) == ARM_CMSIS_NN_SUCCESS;
}

bool mcuedit_cmsis_mul(const mcuedit_mul *op, const int8_t *a, const int8_t *b, int8_t *output)
{
    return op->depth == 0 && op->a_step == 1u && op->b_step == 1u &&
           arm_elementwise_mul_s8(a, b, -op->a_zero_point, -op->b_zero_point, output, op->zero_point, op->multiplier,
                                  op->shift, op->act_lo, op->act_hi, (int32_t)op->count) == ARM_CMSIS_NN_SUCCESS;
}

typedef arm_cmsis_nn_status pooling(const cmsis_nn_context *buffer, const cmsis_nn_pool_params *params,
                                    const cmsis_nn_dims *input_dims, const int8_t *input,
                                    const cmsis_nn_dims *filter_dims, const cmsis_nn_dims *output_dims, int8_t *output);

static bool pool(const mcuedit_pool *op, const int8_t *input, int8_t *output, int32_t size, pooling *by)
{
    const mcuedit_window *over = op->window;
    cmsis_nn_pool_params params = {
        {over->stride_w, over->stride_h}, {over->pad_left, over->pad_top}, {op->act_lo, op->act_hi}};
    cmsis_nn_dims input_dims = {over->batches, over->in_h, over->in_w, over->in_c};
    cmsis_nn_dims filter_dims = {1, over->kernel_h, over->kernel_w, 1};
    cmsis_nn_dims output_dims = {over->batches, over->out_h, over->out_w, over->in_c};
    cmsis_nn_context buffer = context(size);
    return has_buffer(size) &&
           by(&buffer, &params, &input_dims, input, &filter_dims, &output_dims, output) == ARM_CMSIS_NN_SUCCESS;
}

bool mcuedit_cmsis_average_pool(const mcuedit_pool *op, const int8_t *input, int8_t *output)
{
    int32_t size = arm_avgpool_s8_get_buffer_size(op->window->out_w, op->window->in_c);
    return pool(op, input, output, size, arm_avgpool_s8);
}

bool mcuedit_cmsis_max_pool(const mcuedit_pool *op, const int8_t *input, int8_t *output)
{
    return pool(op, input, output, 0, arm_max_pool_s8);
}

bool mcuedit_cmsis_softmax(const mcuedit_softmax *op, const int8_t *input, int8_t *output)
{
    arm_softmax_s8(input, op->positions, op->depth, op->multiplier, op->left_shift, op->diff_min, output);
    return true;
}

#else
typedef int mcuedit_no_cmsis_nn; /* C wants a declaration in every file */
#endif
