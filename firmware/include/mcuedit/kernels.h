/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bare runtime's int8 ops, byte-exact to TFLM's reference kernels. Generated code fills the parameters and calls
 * them; they check nothing and keep nothing. Positions lie one after the other.
 */
#ifndef MCUEDIT_KERNELS_H
#define MCUEDIT_KERNELS_H

#include "mcuedit/config.h"
#include "mcuedit/mcuedit.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Code that is generated to be measured calls MCUEDIT_STAGE() before an inference and after each of its stages. */
#if MCUEDIT_TRACE
void mcuedit_trace(void);
#define MCUEDIT_STAGE() mcuedit_trace()
#else
#define MCUEDIT_STAGE() ((void)0)
#endif

/* How the int32 sums of output channels become int8: TFLM's multipliers and shifts, then the activation's clamp. */
typedef struct {
    const int32_t *multipliers; /* one per channel if per_channel, else the one of all four times; shifts too */
    const int8_t *shifts;
    uint8_t per_channel;   /* 0 or 1 */
    uint8_t no_saturation; /* 1: all shifts are in -31..-1, no |sum| reaches 2^30, and the activation clamps nothing */
    int8_t zero_point;
    int8_t act_lo;
    int8_t act_hi;
} mcuedit_requant;

/*
 * A matrix of weights and what becomes of its products. The input's zero point stands in the bias, less which it is
 * times the row's sum of weights.
 */
typedef struct {
    const int8_t *weights; /* [n_out][n_in] */
    const int32_t *bias;   /* [n_out] */
    uint32_t n_in;
    uint32_t n_out;
    mcuedit_requant requant;
} mcuedit_matmul;

/* CONV_2D with windows of one element and stride 1 is this, too. */
typedef struct {
    mcuedit_matmul matrix;
    uint32_t positions; /* of the input: n_in elements each */
} mcuedit_fully_connected;

void mcuedit_fully_connected_s8(const mcuedit_fully_connected *op, const int8_t *input, int8_t *output);

typedef struct {
    mcuedit_matmul filters; /* n_in: kernel_h * kernel_w * in_c / groups */
    const mcuedit_window *window;
    uint16_t groups;
    int8_t input_zero_point;
} mcuedit_conv_2d;

/* `scratch`: kernel_h * kernel_w * in_c bytes, with several groups n_in more. */
void mcuedit_conv_2d_s8(const mcuedit_conv_2d *op, const int8_t *input, int8_t *output, int8_t *scratch);

/* Output channel c reads input channel c / multiplier. */
typedef struct {
    const int8_t *weights; /* [kernel_h][kernel_w][in_c * multiplier] */
    const int32_t *bias;   /* [in_c * multiplier], as it is in the model */
    mcuedit_requant requant;
    const mcuedit_window *window;
    uint16_t multiplier;
    int8_t input_zero_point;
} mcuedit_depthwise_conv_2d;

void mcuedit_depthwise_conv_2d_s8(const mcuedit_depthwise_conv_2d *op, const int8_t *input, int8_t *output);

/* Output scale 1/256, zero point -128. */
typedef struct {
    int32_t multiplier; /* beta times input scale, in 5 integer bits */
    int32_t left_shift;
    int32_t diff_min; /* entries that lie lower than this below the position's maximum get 0 */
    uint16_t depth;   /* at most 4,095: a sum of exponentials has 12 integer bits */
    uint16_t positions;
} mcuedit_softmax;

/* `output` may be `input`. */
void mcuedit_softmax_s8(const mcuedit_softmax *op, const int8_t *input, int8_t *output);

/* The output's element is that of `table` at the input's: table[value + 128]. `output` may be `input`. */
typedef struct {
    const int8_t *table; /* [256] */
    uint32_t size;
} mcuedit_lookup;

void mcuedit_lookup_s8(const mcuedit_lookup *op, const int8_t *input, int8_t *output);

/* Windows without dilation, every one of them over some of the input. */
typedef struct {
    const mcuedit_window *window;
    int8_t act_lo;
    int8_t act_hi;
} mcuedit_pool;

void mcuedit_average_pool_s8(const mcuedit_pool *op, const int8_t *input, int8_t *output);
void mcuedit_max_pool_s8(const mcuedit_pool *op, const int8_t *input, int8_t *output);

/*
 * Loops over elements of two arrays, `depth` of them, outermost first: {turns, step in the one, step in the other}. The
 * ops below have one more loop within these, over `count` elements.
 */
#define MCUEDIT_LOOPS 6 /* at most */

/* Output elements are written one after the other, those of `a` and `b` are repeated by steps of 0. */
typedef struct {
    int32_t multiplier;
    int8_t shift;
    int8_t zero_point;
    uint8_t step; /* of the innermost loop */
} mcuedit_operand;

/* No shift is positive. `output` may be an input of its size. */
typedef struct {
    const int32_t *loops; /* steps in a and b */
    uint32_t count;
    mcuedit_operand a;
    mcuedit_operand b;
    int32_t multiplier;
    int8_t shift;
    int8_t zero_point;
    int8_t act_lo;
    int8_t act_hi;
    int8_t sign; /* of b: 1 or -1 */
    uint8_t depth;
} mcuedit_add;

void mcuedit_add_s8(const mcuedit_add *op, const int8_t *a, const int8_t *b, int8_t *output);

/* Without a sign; the last shift may be positive. */
void mcuedit_squared_difference_s8(const mcuedit_add *op, const int8_t *a, const int8_t *b, int8_t *output);

/* The larger or the smaller byte. `output` may be an input of its size. */
typedef struct {
    const int32_t *loops; /* steps in a and b */
    uint32_t count;
    uint8_t largest; /* 1 or 0 */
    uint8_t a_step;
    uint8_t b_step;
    uint8_t depth;
} mcuedit_extreme;

void mcuedit_extreme_s8(const mcuedit_extreme *op, const int8_t *a, const int8_t *b, int8_t *output);

/* a / b. `output` may be an input of its size. */
typedef struct {
    const int32_t *loops;       /* steps in a and b */
    const int32_t *reciprocals; /* [256]: by b + 128, in Q0.31, negative where the divisor is */
    const int8_t *shifts;       /* [256]: left, before the bits that a is shifted by are taken off */
    uint32_t count;
    int32_t multiplier;
    int8_t zero_point;
    int8_t act_lo;
    int8_t act_hi;
    int8_t a_zero_point;
    uint8_t a_step;
    uint8_t b_step;
    uint8_t depth;
} mcuedit_div;

void mcuedit_div_s8(const mcuedit_div *op, const int8_t *a, const int8_t *b, int8_t *output);

/* PRELU: b are the slopes. `output` may be an input of its size. */
typedef struct {
    const int32_t *loops; /* steps in a and b */
    uint32_t count;
    int32_t multiplier;       /* of a, where it is not negative */
    int32_t below_multiplier; /* of a * b */
    int8_t shift;
    int8_t below_shift;
    int8_t zero_point;
    int8_t act_lo;
    int8_t act_hi;
    int8_t a_zero_point;
    int8_t b_zero_point;
    uint8_t a_step;
    uint8_t b_step;
    uint8_t depth;
} mcuedit_prelu;

void mcuedit_prelu_s8(const mcuedit_prelu *op, const int8_t *a, const int8_t *b, int8_t *output);

/* `output` may be an input of its size. */
typedef struct {
    const int32_t *loops; /* steps in a and b */
    uint32_t count;
    int32_t multiplier;
    int8_t shift;
    int8_t zero_point;
    int8_t act_lo;
    int8_t act_hi;
    int8_t a_zero_point;
    int8_t b_zero_point;
    uint8_t a_step;
    uint8_t b_step;
    uint8_t depth;
} mcuedit_mul;

void mcuedit_mul_s8(const mcuedit_mul *op, const int8_t *a, const int8_t *b, int8_t *output);

typedef struct {
    const int32_t *kept;   /* over the outputs; steps in the input, and 0 */
    const int32_t *summed; /* over the elements of a mean, around the innermost loop */
    uint32_t count;
    int32_t step;
    int32_t bias; /* input zero point times elements of a mean, negative */
    int32_t multiplier;
    int8_t shift;
    int8_t output_zero_point;
    uint8_t kept_depth;
    uint8_t summed_depth;
} mcuedit_mean;

void mcuedit_mean_s8(const mcuedit_mean *op, const int8_t *input, int8_t *output);

/* The largest, not rescaled. */
void mcuedit_reduce_max_s8(const mcuedit_mean *op, const int8_t *input, int8_t *output);

/* Transposes, slices, pads. */
typedef struct {
    const int32_t *loops; /* steps in input and output */
    uint32_t input_first; /* the first element that is copied, and where to */
    uint32_t output_first;
    uint32_t count;
    int32_t input_step; /* of the innermost loop */
    int32_t output_step;
    uint32_t fill_size; /* output elements that are set to `fill` before */
    int8_t fill;
    uint8_t depth;
} mcuedit_copy;

void mcuedit_copy_s8(const mcuedit_copy *op, const int8_t *input, int8_t *output);

/* One position of each input, then the next of each. */
typedef struct {
    const uint32_t *widths; /* [count]: of the inputs, or of the outputs, at a position */
    uint32_t positions;
    uint16_t count;
} mcuedit_concatenation;

void mcuedit_concatenation_s8(const mcuedit_concatenation *op, const int8_t *const *inputs, int8_t *output);

/* One position of the input to each output in turn: the reverse. */
typedef mcuedit_concatenation mcuedit_split;

void mcuedit_split_s8(const mcuedit_split *op, const int8_t *input, int8_t *const *outputs);

/* Of each row of the input, the elements at `positions`, each of them `width` bytes. */
typedef struct {
    const uint32_t *positions; /* [count] */
    uint32_t rows;
    uint32_t stride; /* bytes of a row */
    uint32_t count;
    uint32_t width;
} mcuedit_gather;

void mcuedit_gather_s8(const mcuedit_gather *op, const int8_t *input, int8_t *output);

/* Images of another size. */
typedef struct {
    const int32_t *rows; /* [out_h]: offset of the input's; bilinear {offset, that of the next, fraction in 1/1024} */
    const int32_t *columns; /* [out_w]: the same */
    uint32_t image;         /* bytes of one of the input */
    uint32_t batches;
    uint16_t out_h;
    uint16_t out_w;
    uint32_t depth;
} mcuedit_resize;

void mcuedit_resize_nearest_s8(const mcuedit_resize *op, const int8_t *input, int8_t *output);
void mcuedit_resize_bilinear_s8(const mcuedit_resize *op, const int8_t *input, int8_t *output);

/* Output scale 1/128, zero point 0. `output` may be `input`. */
typedef struct {
    uint32_t depth; /* at most 33,025: a sum of squares is an int32 */
    uint32_t positions;
    int8_t zero_point;
} mcuedit_l2_normalization;

void mcuedit_l2_normalization_s8(const mcuedit_l2_normalization *op, const int8_t *input, int8_t *output);

/* Each input pixel is spread over a window of the output. */
typedef struct {
    const int8_t *weights;  /* [out_c][kernel_h][kernel_w][in_c] */
    const int32_t *bias;    /* [out_c] */
    const int32_t *offsets; /* [out_c][kernel_h][kernel_w]: the input's zero point times a tap's weights, negative */
    mcuedit_requant requant;
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
} mcuedit_transpose_conv;

void mcuedit_transpose_conv_s8(const mcuedit_transpose_conv *op, const int8_t *input, int8_t *output);

/* Matrices of two arrays, which `loops` are over. */
typedef struct {
    const int32_t *loops; /* steps in a and b */
    int32_t multiplier;
    uint32_t rows;
    uint32_t columns;
    uint32_t inner;
    uint32_t a_row; /* from one to the next */
    uint32_t a_step;
    uint32_t b_column;
    uint32_t b_step;
    int8_t shift;
    int8_t zero_point;
    int8_t a_zero_point;
    int8_t b_zero_point;
    uint8_t depth;
} mcuedit_batch_matmul;

void mcuedit_batch_matmul_s8(const mcuedit_batch_matmul *op, const int8_t *a, const int8_t *b, int8_t *output);

/* A product whose input's zero point stands in the bias: weights [n_state][n], bias [n_state]. */
typedef struct {
    const int8_t *weights;
    const int32_t *bias;
    int32_t multiplier;
    int8_t shift;
} mcuedit_lstm_product;

typedef struct {
    mcuedit_lstm_product input;
    mcuedit_lstm_product hidden;
} mcuedit_lstm_gate;

typedef struct {
    int32_t multiplier;
    int8_t shift;
} mcuedit_lstm_scale;

/* What the gates' outputs go through, and sizes. Row r of the input has n_in elements, of the output n_state. */
typedef struct {
    const uint16_t *curve;   /* [256]: sigmoid at i / 24, in 1/65536 */
    mcuedit_lstm_scale keep; /* forget gate times cell */
    mcuedit_lstm_scale take; /* input gate times cell gate */
    mcuedit_lstm_scale show; /* output gate times tanh of the cell */
    uint32_t steps;
    uint32_t batches;
    uint32_t n_in;
    uint32_t n_state;
    uint32_t step_rows; /* from one step to the next */
    uint32_t batch_rows;
    int16_t clip;      /* of a cell; 0: none */
    int8_t cell_shift; /* log2 of a cell's step, 12 more */
} mcuedit_lstm_cells;

typedef struct {
    mcuedit_lstm_gate input;
    mcuedit_lstm_gate forget;
    mcuedit_lstm_gate cell;
    mcuedit_lstm_gate output;
    mcuedit_lstm_cells cells;
    int8_t zero_point; /* of hidden state and output */
} mcuedit_lstm;

/* `hidden`: batches * n_state bytes, `cells`: so many int16_t, aligned to 2; both last. */
void mcuedit_lstm_s8(const mcuedit_lstm *op, const int8_t *input, int8_t *output, int8_t *hidden, void *cells);

/* Filters of the input, `rank` of them for each unit, and of what they gave in the last `memory` inferences. */
typedef struct {
    const int8_t *feature; /* [units * rank][n_in] */
    const int32_t *offset; /* [units * rank]: the input's zero point times a filter's weights, negative */
    const int16_t *time;   /* [units * rank][memory], the latest last */
    const int32_t *bias;   /* [units] */
    int32_t in_multiplier; /* to the state */
    int32_t out_multiplier;
    uint32_t batches;
    uint32_t n_in;
    uint32_t units;
    uint32_t rank;
    uint32_t memory;
    int8_t in_shift;
    int8_t out_shift;
    uint8_t wide; /* 1: the state is of int16_t, 0: of int8_t */
    int8_t state_zero_point;
    int8_t zero_point;
} mcuedit_svdf;

/* `state`: [batches][units * rank][memory], which lasts. */
void mcuedit_svdf_s8(const mcuedit_svdf *op, const int8_t *input, int8_t *output, void *state);

#ifdef __cplusplus
}
#endif

#endif
