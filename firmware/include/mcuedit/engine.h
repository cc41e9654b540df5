/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bare runtime's int8 ops, byte-exact to TFLM's reference kernels. Generated code fills the parameters and calls
 * them; they check nothing and keep nothing. Rows lie one after the other.
 */
#ifndef MCUEDIT_ENGINE_H
#define MCUEDIT_ENGINE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Generated code calls MCUEDIT_STAGE() before an inference and after each of its stages; it costs nothing by default.
 */
#ifdef MCUEDIT_PROBE
void mcuedit_probe(void);
#define MCUEDIT_STAGE() mcuedit_probe()
#else
#define MCUEDIT_STAGE() ((void)0)
#endif

typedef struct {
    const int8_t *weights;      /* [n_out][n_in] */
    const int32_t *bias;        /* [n_out], less input zero point times row sum of the weights; NULL: all 0 */
    const int32_t *multipliers; /* [n_out] if per_channel, else [1]; shifts too */
    const int8_t *shifts;
    uint16_t n_in;
    uint16_t n_out;
    uint16_t rows;
    uint8_t per_channel; /* 0 or 1 */
    int8_t output_zero_point;
    int8_t act_lo;
    int8_t act_hi;
} mcuedit_fully_connected;

void mcuedit_fully_connected_s8(const mcuedit_fully_connected *op, const int8_t *input, int8_t *output);

/* Output scale 1/256, zero point -128. */
typedef struct {
    int32_t multiplier; /* beta times input scale, in 5 integer bits */
    int32_t left_shift;
    int32_t diff_min; /* entries that lie lower than this below the row's maximum get 0 */
    uint16_t depth;   /* at most 4,095: a sum of exponentials has 12 integer bits */
    uint16_t rows;
} mcuedit_softmax;

/* `output` may be `input`. */
void mcuedit_softmax_s8(const mcuedit_softmax *op, const int8_t *input, int8_t *output);

/* The first index of the largest of n >= 1 values: the answer of a classifier. */
uint32_t mcuedit_argmax_s8(const int8_t *values, uint32_t n);

#ifdef __cplusplus
}
#endif

#endif
