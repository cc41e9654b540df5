/* SPDX-License-Identifier: Apache-2.0 */
#include "cmsis_nn.h"
#include "requantize.h"
#include "strided.h"

#if defined(MCUEDIT_DOT_MVE)
#define ROW 1

/* Rounding is that of ADD (add.c), and so is the reason for the assembly. */
static MCUEDIT_NOINLINE void mul_row(const mcuedit_mul *op, const int8_t *x, const int8_t *y, int8_t *output)
{
    __asm__ volatile("wlstp.32     lr, %[count], 2f\n"
                     "1:\n\t"
                     "vldrb.s32    q0, [%[x]], #4\n\t"
                     "vldrb.s32    q1, [%[y]], #4\n\t"
                     "vsub.i32     q0, q0, %[x_zero]\n\t"
                     "vsub.i32     q1, q1, %[y_zero]\n\t"
                     "vmul.i32     q0, q0, q1\n\t"
                     "vshr.s32     q1, q0, #31\n\t"
                     "vqrdmlah.s32 q1, q0, %[m]\n\t"
                     "vrshl.s32    q1, %[s]\n\t"
                     "vadd.i32     q1, q1, %[zero]\n\t"
                     "vmax.s32     q1, q1, %q[lo]\n\t"
                     "vmin.s32     q1, q1, %q[hi]\n\t"
                     "vstrb.32     q1, [%[output]], #4\n\t"
                     "letp         lr, 1b\n"
                     "2:"
                     : [x] "+l"(x), [y] "+l"(y), [output] "+l"(output)
                     : [count] "r"(op->count), [x_zero] "r"(op->a_zero_point), [y_zero] "r"(op->b_zero_point),
                       [m] "r"(op->multiplier), [s] "r"(op->shift), [zero] "r"(op->zero_point),
                       [lo] "w"(vdupq_n_s32(op->act_lo)), [hi] "w"(vdupq_n_s32(op->act_hi))
                     : "lr", "q0", "q1", "cc", "memory");
}

#elif defined(MCUEDIT_DOT_DSP) && MCUEDIT_FAST_MATMUL
#define ROW 1

static MCUEDIT_NOINLINE void mul_row(const mcuedit_mul *op, const int8_t *x, const int8_t *y, int8_t *output)
{
    const int32_t m = op->multiplier, s = op->shift, offset = 2 * op->zero_point + 1, lo = op->act_lo, hi = op->act_hi;
    const int32_t x_zero = op->a_zero_point, y_zero = op->b_zero_point;
    for (const int8_t *end = output + op->count; output != end;) {
        int32_t product = (*x++ - x_zero) * (*y++ - y_zero);
        *output++ = (int8_t)mcuedit_clamp(mcuedit_requantized(product, m, s, offset), lo, hi);
    }
}

#endif

void mcuedit_mul_s8(const mcuedit_mul *op, const int8_t *a, const int8_t *b, int8_t *output)
{
#if MCUEDIT_CMSIS_NN
    if (mcuedit_cmsis_mul(op, a, b, output)) {
        return;
    }
#endif
    /* Clamped before the zero point is added: the sum cannot leave int32. */
    int32_t zero = op->zero_point, lo = op->act_lo - zero, hi = op->act_hi - zero;
    mcuedit_at at = {0};
    do {
        const int8_t *x = a + at.a, *y = b + at.b;
#ifdef ROW
        if (op->a_step == 1u && op->b_step == 1u && op->shift < 0) {
            mul_row(op, x, y, output);
            output += op->count;
            continue;
        }
#endif
        for (uint32_t n = op->count; n != 0; n--, x += op->a_step, y += op->b_step) {
            int32_t product = (*x - op->a_zero_point) * (*y - op->b_zero_point);
            *output++ = (int8_t)(mcuedit_clamp(mcuedit_mbqm_any(product, op->multiplier, op->shift), lo, hi) + zero);
        }
    } while (mcuedit_loops_next(op->loops, op->depth, &at));
}
