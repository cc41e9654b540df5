/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bare runtime's ops of 16-bit activations and 8-bit weights, byte-exact to TFLM's reference kernels. As in
 * kernels.h, generated code fills the parameters. Inputs and outputs are int16_t, aligned to 2; zero points are 0.
 */
#ifndef MCUEDIT_KERNELS16_H
#define MCUEDIT_KERNELS16_H

#include "mcuedit/kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How the sums of output channels become int16. */
typedef struct {
    const int32_t *multipliers; /* one per channel if per_channel, else one for all; shifts too */
    const int8_t *shifts;
    uint8_t per_channel; /* 0 or 1 */
    uint8_t is_long;     /* 1: sums have 64 bits, and multipliers 16; 0: 32 each, as with int8 */
    int16_t act_lo;
    int16_t act_hi;
} mcuedit_requant_s16;

typedef struct {
    const int8_t *weights; /* [n_out][n_in] */
    const int64_t *bias;   /* [n_out] */
    uint32_t n_in;
    uint32_t n_out;
    mcuedit_requant_s16 requant;
} mcuedit_matmul_16x8;

typedef struct {
    mcuedit_matmul_16x8 matrix;
    uint32_t positions; /* of the input: n_in elements each */
} mcuedit_fully_connected_16x8;

void mcuedit_fully_connected_s16(const mcuedit_fully_connected_16x8 *op, const void *input, void *output);

/* CONV_2D; windows of one element and stride 1 are mcuedit_fully_connected_s16. */
typedef struct {
    mcuedit_matmul_16x8 filters; /* n_in: kernel_h * kernel_w * in_c / groups */
    const mcuedit_window *window;
    uint16_t groups;
} mcuedit_conv_2d_16x8;

/* `scratch`: kernel_h * kernel_w * in_c elements, with several groups n_in more. */
void mcuedit_conv_2d_s16(const mcuedit_conv_2d_16x8 *op, const void *input, void *output, void *scratch);

/* Output channel c reads input channel c / multiplier. */
typedef struct {
    const int8_t *weights; /* [kernel_h][kernel_w][in_c * multiplier] */
    const int64_t *bias;   /* [in_c * multiplier] */
    mcuedit_requant_s16 requant;
    const mcuedit_window *window;
    uint16_t multiplier;
} mcuedit_depthwise_conv_2d_16x8;

void mcuedit_depthwise_conv_2d_s16(const mcuedit_depthwise_conv_2d_16x8 *op, const void *input, void *output);

/* As mcuedit_pool. */
typedef struct {
    const mcuedit_window *window;
    int16_t act_lo;
    int16_t act_hi;
} mcuedit_pool_16;

void mcuedit_average_pool_s16(const mcuedit_pool_16 *op, const void *input, void *output);
void mcuedit_max_pool_s16(const mcuedit_pool_16 *op, const void *input, void *output);

/* The ops of two operands: loops as in kernels.h. No shift of an ADD or SUB is positive. */
typedef struct {
    const int32_t *loops; /* steps in a and b, elements */
    uint32_t count;
    int32_t a_multiplier;
    int32_t b_multiplier;
    int32_t multiplier;
    int8_t a_shift;
    int8_t b_shift;
    int8_t shift;
    int8_t sign; /* of b: 1 or -1 */
    int16_t act_lo;
    int16_t act_hi;
    uint8_t a_step;
    uint8_t b_step;
    uint8_t depth;
} mcuedit_add_16;

void mcuedit_add_s16(const mcuedit_add_16 *op, const void *a, const void *b, void *output);

typedef struct {
    const int32_t *loops;
    uint32_t count;
    int32_t multiplier;
    int8_t shift;
    uint8_t largest; /* of MAXIMUM and MINIMUM: 1 or 0 */
    int16_t act_lo;
    int16_t act_hi;
    uint8_t a_step;
    uint8_t b_step;
    uint8_t depth;
} mcuedit_mul_16;

void mcuedit_mul_s16(const mcuedit_mul_16 *op, const void *a, const void *b, void *output);
void mcuedit_extreme_s16(const mcuedit_mul_16 *op, const void *a, const void *b, void *output);

/* As mcuedit_add_16 without `sign`: no shift of an operand is positive. */
void mcuedit_squared_difference_s16(const mcuedit_add_16 *op, const void *a, const void *b, void *output);

/* PRELU: b are the slopes, int8. */
typedef struct {
    const int32_t *loops;
    uint32_t count;
    int32_t multiplier;       /* of a, where it is not negative */
    int32_t below_multiplier; /* of a * b */
    int8_t shift;
    int8_t below_shift;
    int8_t b_zero_point;
    int16_t act_lo;
    int16_t act_hi;
    uint8_t a_step;
    uint8_t b_step;
    uint8_t depth;
} mcuedit_prelu_16;

void mcuedit_prelu_s16(const mcuedit_prelu_16 *op, const void *a, const int8_t *b, void *output);

/* Matrices of two arrays, as mcuedit_batch_matmul; sums of 64 bits. */
typedef struct {
    const int32_t *loops;
    int32_t multiplier; /* of 16 bits */
    uint32_t rows;
    uint32_t columns;
    uint32_t inner;
    uint32_t a_row;
    uint32_t a_step;
    uint32_t b_column;
    uint32_t b_step;
    int8_t shift;
    uint8_t depth;
} mcuedit_batch_matmul_16;

void mcuedit_batch_matmul_s16(const mcuedit_batch_matmul_16 *op, const void *a, const void *b, void *output);

/* As mcuedit_transpose_conv. */
typedef struct {
    const int8_t *weights; /* [out_c][kernel_h][kernel_w][in_c] */
    const int64_t *bias;   /* [out_c] */
    mcuedit_requant_s16 requant;
    uint16_t batches;
    uint16_t in_h;
    uint16_t in_w;
    uint16_t in_c;
    uint16_t out_h;
    uint16_t out_w;
    uint16_t out_c;
    uint16_t kernel_h;
    uint16_t kernel_w;
    uint16_t stride_h;
    uint16_t stride_w;
    uint16_t pad_top;
    uint16_t pad_left;
} mcuedit_transpose_conv_16x8;

void mcuedit_transpose_conv_s16(const mcuedit_transpose_conv_16x8 *op, const void *input, void *output);

/* PADV2 whose value's bytes differ. */
typedef struct {
    mcuedit_copy copy; /* of bytes; it fills nothing */
    uint32_t size;     /* of the output, elements that are set to `fill` before */
    int16_t fill;
} mcuedit_pad_16;

void mcuedit_pad_s16(const mcuedit_pad_16 *op, const void *input, void *output);

/* MEAN and SUM; zero points are 0. */
void mcuedit_mean_s16(const mcuedit_mean *op, const void *input, void *output);

/* QUANTIZE and RELU; ABS and RSQRT, which have neither bounds nor zero points. RSQRT of less than 1 is 32767. */
typedef struct {
    uint32_t size;
    int32_t multiplier;
    int8_t shift;
    int8_t input_zero_point; /* of int8 */
    int8_t output_zero_point;
    int16_t lo;
    int16_t hi;
} mcuedit_rescale_16;

void mcuedit_rescale_s8_s16(const mcuedit_rescale_16 *op, const int8_t *input, void *output);
void mcuedit_rescale_s16_s8(const mcuedit_rescale_16 *op, const void *input, int8_t *output);
void mcuedit_rescale_s16(const mcuedit_rescale_16 *op, const void *input, void *output);
void mcuedit_abs_s16(const mcuedit_rescale_16 *op, const void *input, void *output);
void mcuedit_rsqrt_s16(const mcuedit_rescale_16 *op, const void *input, void *output);

/* LEAKY_RELU: elements below 0 have a multiplier of their own; and RELU6, which clamps alone. */
typedef struct {
    uint32_t size;
    int32_t multiplier;
    int32_t below_multiplier;
    int8_t shift;
    int8_t below_shift;
    int8_t below_sign; /* 1 or -1 */
    int16_t lo;
    int16_t hi;
} mcuedit_leaky_relu_16;

void mcuedit_leaky_relu_s16(const mcuedit_leaky_relu_16 *op, const void *input, void *output);
void mcuedit_clamp_s16(const mcuedit_leaky_relu_16 *op, const void *input, void *output);

/* LOGISTIC and TANH, linear between entries of a sigmoid's table. */
typedef struct {
    const uint16_t *table; /* [256]: 1 / (1 + exp(-i / 24)) in 16 bits */
    uint32_t size;
    int32_t factor; /* to steps of 1 / (3 * 4096) */
    uint8_t shift;
} mcuedit_curve_16;

void mcuedit_logistic_s16(const mcuedit_curve_16 *op, const void *input, void *output);
void mcuedit_tanh_s16(const mcuedit_curve_16 *op, const void *input, void *output);

typedef struct {
    const int16_t *exp;        /* [513]: exp from -10 to 0, in 15 bits */
    const int16_t *reciprocal; /* [513]: 1 / (1 + x) from 0 to 1 */
    int32_t multiplier;        /* of a difference, to 1 / 65535 of 10 */
    int8_t shift;
    uint16_t depth; /* at most 32,768 */
    uint32_t positions;
} mcuedit_softmax_16;

void mcuedit_softmax_s16(const mcuedit_softmax_16 *op, const void *input, void *output);

/* Products with input and hidden state: weights [n_state][n], bias [n_state]; multipliers of 16 bits. */
typedef struct {
    const int8_t *input_weights;
    const int8_t *hidden_weights;
    const int64_t *bias; /* of the input's */
    int32_t input_multiplier;
    int32_t hidden_multiplier;
    int8_t input_shift;
    int8_t hidden_shift;
} mcuedit_lstm_gate_16x8;

typedef struct {
    mcuedit_lstm_gate_16x8 input;
    mcuedit_lstm_gate_16x8 forget;
    mcuedit_lstm_gate_16x8 cell;
    mcuedit_lstm_gate_16x8 output;
    mcuedit_lstm_cells cells;
} mcuedit_lstm_16x8;

/* `hidden` and `cells`: batches * n_state elements of int16_t each; both last. */
void mcuedit_lstm_s16(const mcuedit_lstm_16x8 *op, const void *input, void *output, void *hidden, void *cells);

/* The first index of the largest of n >= 1 values: the answer of a classifier. */
uint32_t mcuedit_argmax_s16(const int16_t *values, uint32_t n);

#ifdef __cplusplus
}
#endif

#endif
