/* SPDX-License-Identifier: Apache-2.0 */
#include "cmsis_nn.h"
#include "requantize.h"
#include "strided.h"

#define FRACTION_BITS 20 /* of operands before they are rescaled to shares of twice the larger scale */

/* An MBQM of |x| < 2^30 whose shift is prepared: ties away from zero are half up, a negative number less by 1 before.
 */
typedef struct {
    int32_t multiplier, half, less;
    uint32_t shift;
} rescaling;

static rescaling prepared(int32_t multiplier, int32_t shift)
{
    int32_t half = (int32_t)((UINT32_C(1) << -shift) >> 1);
    return (rescaling){multiplier, half, half != 0 ? -1 : 0, (uint32_t)-shift};
}

static inline int32_t rescaled(const rescaling *by, int32_t x)
{
    int32_t high = mcuedit_high_mul(x, by->multiplier);
    return (high + by->half + (high >> 31 & by->less)) >> by->shift;
}

#if defined(MCUEDIT_DOT_MVE) || (defined(MCUEDIT_DOT_DSP) && MCUEDIT_FAST_MATMUL)
#define HALF 1

/*
 * The operand of the larger scale is half of itself, which needs no rounding: x. The other one is y; where it is not
 * shifted it is half of itself, too, or 0, and then half of twice that.
 */
typedef struct {
    int32_t x_one, x_zero, y_one, y_zero, y_multiplier, y_shift, y_sign;
} halves;

static halves of_half(const mcuedit_add *op, const mcuedit_operand *x, const mcuedit_operand *y)
{
    int32_t x_sign = x == &op->b ? op->sign : 1, y_sign = x == &op->b ? 1 : op->sign, twice = y->shift == 0 ? 1 : 0;
    int32_t x_one = x_sign * (1 << (FRACTION_BITS - 1)), y_one = 1 << (FRACTION_BITS + twice);
    return (halves){x_one,         -x->zero_point * x_one, y_one, -y->zero_point * y_one,
                    y->multiplier, y->shift - twice,       y_sign};
}
#endif

#if defined(MCUEDIT_DOT_MVE)

/*
 * VRSHL is the second rounding but for ties of negative numbers, which it rounds up: hence VQRDMLAH adds the product to
 * the sign. In assembly because gcc 12 spills half of the numbers.
 */
static MCUEDIT_NOINLINE void add_half(const mcuedit_add *op, const halves *of, const int8_t *x, const int8_t *y,
                                      int8_t *output)
{
    __asm__ volatile(
        "wlstp.32     lr, %[count], 2f\n"
        "1:\n\t"
        "vldrb.s32    q0, [%[x]], #4\n\t"
        "vldrb.s32    q1, [%[y]], #4\n\t"
        "vmlas.s32    q0, %q[x_one], %[x_zero]\n\t"
        "vmlas.s32    q1, %q[y_one], %[y_zero]\n\t"
        "vshr.s32     q2, q1, #31\n\t"
        "vqrdmlah.s32 q2, q1, %[y_m]\n\t"
        "vrshl.s32    q2, %[y_s]\n\t"
        "vmla.s32     q0, q2, %[y_sign]\n\t"
        "vshr.s32     q1, q0, #31\n\t"
        "vqrdmlah.s32 q1, q0, %[m]\n\t"
        "vrshl.s32    q1, %[s]\n\t"
        "vadd.i32     q1, q1, %q[zero]\n\t"
        "vmax.s32     q1, q1, %q[lo]\n\t"
        "vmin.s32     q1, q1, %q[hi]\n\t"
        "vstrb.32     q1, [%[output]], #4\n\t"
        "letp         lr, 1b\n"
        "2:"
        : [x] "+l"(x), [y] "+l"(y), [output] "+l"(output)
        : [count] "r"(op->count), [x_one] "w"(vdupq_n_s32(of->x_one)), [x_zero] "r"(of->x_zero),
          [y_one] "w"(vdupq_n_s32(of->y_one)), [y_zero] "r"(of->y_zero), [y_m] "r"(of->y_multiplier),
          [y_s] "r"(of->y_shift), [y_sign] "r"(of->y_sign), [m] "r"(op->multiplier), [s] "r"(op->shift),
          [zero] "w"(vdupq_n_s32(op->zero_point)), [lo] "w"(vdupq_n_s32(op->act_lo)), [hi] "w"(vdupq_n_s32(op->act_hi))
        : "lr", "q0", "q1", "q2", "cc", "memory");
}

#elif defined(HALF)

static MCUEDIT_NOINLINE void add_half(const mcuedit_add *op, const halves *of, const int8_t *x, const int8_t *y,
                                      int8_t *output)
{
    const halves by = *of;
    const int32_t m = op->multiplier, shift = op->shift, offset = 2 * op->zero_point + 1, lo = op->act_lo,
                  hi = op->act_hi;
    for (const int8_t *end = output + op->count; output != end;) {
        int32_t high = mcuedit_smmulr(*y++ * by.y_one + by.y_zero, by.y_multiplier);
        high = (((high + (high >> 31)) >> ~by.y_shift) + 1) >> 1;
        int32_t sum = *x++ * by.x_one + by.x_zero + by.y_sign * high;
        *output++ = (int8_t)mcuedit_clamp(mcuedit_requantized(sum, m, shift, offset), lo, hi);
    }
}

#endif

#ifdef HALF

/* Whether all was added: steps are 1 and the sum is shifted. */
static bool add_halves(const mcuedit_add *op, const int8_t *a, const int8_t *b, int8_t *output)
{
    if (op->a.step != 1u || op->b.step != 1u || op->shift == 0) {
        return false;
    }
    bool a_is_half = op->a.shift == 0 && op->a.multiplier == 1 << 30;
    halves of = a_is_half ? of_half(op, &op->a, &op->b) : of_half(op, &op->b, &op->a);
    mcuedit_at at = {0};
    do {
        const int8_t *x = a + at.a, *y = b + at.b;
        add_half(op, &of, a_is_half ? x : y, a_is_half ? y : x, output);
        output += op->count;
    } while (mcuedit_loops_next(op->loops, op->depth, &at));
    return true;
}

#endif

void mcuedit_add_s8(const mcuedit_add *op, const int8_t *a, const int8_t *b, int8_t *output)
{
#if MCUEDIT_CMSIS_NN
    if (mcuedit_cmsis_add(op, a, b, output)) {
        return;
    }
#endif
#ifdef HALF
    if (add_halves(op, a, b, output)) {
        return;
    }
#endif
    const rescaling of_a = prepared(op->a.multiplier, op->a.shift), of_b = prepared(op->b.multiplier, op->b.shift);
    const rescaling of_sum = prepared(op->multiplier, op->shift);
    const int32_t one = 1 << FRACTION_BITS, a_zero = op->a.zero_point * one, b_zero = op->b.zero_point * one;
    const uint32_t a_step = op->a.step, b_step = op->b.step;
    mcuedit_at at = {0};
    do {
        const int8_t *x = a + at.a, *y = b + at.b;
        for (const int8_t *end = output + op->count; output != end; x += a_step, y += b_step) {
            int32_t sum = rescaled(&of_a, *x * one - a_zero) + op->sign * rescaled(&of_b, *y * one - b_zero);
            *output++ = (int8_t)mcuedit_clamp(rescaled(&of_sum, sum) + op->zero_point, op->act_lo, op->act_hi);
        }
    } while (mcuedit_loops_next(op->loops, op->depth, &at));
}
