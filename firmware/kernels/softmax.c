/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Softmax in gemmlowp's fixed point, as TFLM's reference kernel. Qm.n below: int32 with m integer and n fraction bits.
 */
#include "cmsis_nn.h"
#include "../core/fixedpoint.h"
#include "mcuedit/kernels.h"

/* Out of line: what the calls cost is little beside the multiplication, what its copies take a fifth of this file. */
static MCUEDIT_NOINLINE int32_t mul(int32_t a, int32_t b)
{
    return mcuedit_high_mul(a, b);
}

/* exp of an input's difference to the largest one, <= 0, as Q0.31. */
static int32_t exp_of(const mcuedit_softmax *op, int32_t difference)
{
    static const int32_t factors[7] = {/* exp(-2^k), k = -2..4 */
                                       1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};
    if (difference < op->diff_min) {
        return 0;
    }
    int32_t a = mul(difference * (1 << op->left_shift), op->multiplier); /* Q5.26 */
    if (a == 0) {
        return INT32_MAX;
    }
    /* Taylor's series of degree 4 around -1/8 for the part in [-1/4, 0), then one factor for each bit of the rest. */
    int32_t quarter = 1 << 24, part = (a & (quarter - 1)) - quarter;
    int32_t x = part * 32 + (1 << 28), x2 = mul(x, x), x3 = mul(x2, x);
    int32_t x4 = mul(x2, x2), at_eighth = 1895147668, third = 715827883;
    int32_t series = mul(mcuedit_round_shift(x4, 2) + x3, third) + x2;
    int32_t result = at_eighth + mul(at_eighth, x + mcuedit_round_shift(series, 1));
    uint32_t rest = (uint32_t)(part - a) >> 24;
    for (const int32_t *factor = factors; rest != 0; rest >>= 1, factor++) {
        if ((rest & 1u) != 0) {
            result = mul(result, *factor);
        }
    }
    return result;
}

/*
 * 1 / (2 x) of x in [1/2, 1), Q0.31: three steps of Newton in Q2.29. The first estimate of 1 / x is off by at most
 * 1/17, so that only the end, for x = 1/2, can saturate.
 */
static int32_t half_reciprocal(int32_t x)
{
    int32_t estimate = 1515870810 + mul(x, -1010580540); /* 48/17 - 32/17 x */
    for (uint32_t i = 0; i < 3; i++) {
        int32_t error = (1 << 29) - mul(x, estimate);
        estimate += mul(estimate, error) * 4;
    }
    return estimate >= 1 << 30 ? INT32_MAX : estimate * 2;
}

static void softmax_at(const mcuedit_softmax *op, const int8_t *input, int8_t *output)
{
    int32_t max = input[mcuedit_argmax_s8(input, op->depth)], sum = 0; /* Q12.19 */
    for (uint32_t i = 0; i < op->depth; i++) {
        sum += mcuedit_round_shift(exp_of(op, input[i] - max), 12);
    }
    uint32_t divisor = (uint32_t)sum, headroom = 0; /* the largest entry made sum >= 1 */
    while (divisor >> 31 == 0) {
        divisor <<= 1;
        headroom++;
    }
    int32_t reciprocal = half_reciprocal((int32_t)(divisor >> 1));
    uint32_t shift = 12u - headroom + 31u - 8u;
    for (uint32_t i = 0; i < op->depth; i++) {
        int32_t exponential = exp_of(op, input[i] - max), probability = 0; /* in 1/256 */
        /* Sums of 512 and more take shifts above 31, which TFLM leaves undefined and which round to 0. */
        if (exponential != 0 && shift <= 31) {
            probability = mcuedit_round_shift(mul(reciprocal, exponential), shift);
        }
        output[i] = (int8_t)mcuedit_clamp(probability - 128, -128, 127);
    }
}

void mcuedit_softmax_s8(const mcuedit_softmax *op, const int8_t *input, int8_t *output)
{
#if MCUEDIT_CMSIS_NN
    if (mcuedit_cmsis_softmax(op, input, output)) {
        return;
    }
#endif
    for (uint32_t position = 0; position < op->positions; position++) {
        softmax_at(op, input, output);
        input += op->depth;
        output += op->depth;
    }
}
