/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUEDIT_DOT4_H
#define MCUEDIT_DOT4_H

/*
 * Dot products of four int8 rows with one int8 vector x of n elements: what CONV_2D and FULLY_CONNECTED spend their
 * time in. The vector is loaded and split once for four rows. Row k starts `pitch` bytes after row k - 1; sums[k] =
 * bias[k] + row k . x. The caller has proven that no partial sum leaves int32.
 */

#include "dot.h"

/* Of four neighbouring rows or channels. By value: they stay in registers. */
#ifdef MCUEDIT_DOT_MVE
typedef int32x4_t mcuedit_sums;
#else
typedef struct {
    int32_t of[4];
} mcuedit_sums;
#endif

#if defined(MCUEDIT_DOT_MVE)

/*
 * Sixteen products an instruction, in a loop that masks what lies beyond the end of the last sixteen by itself. In
 * assembly because gcc 12 makes no such loops, and its tails cost as much as all the rest.
 */
static inline mcuedit_sums mcuedit_dot4_s8(const int8_t *rows, uint32_t pitch, const int8_t *x, uint32_t n,
                                           const int32_t *bias)
{
    const int8_t *row0 = rows, *row1 = row0 + pitch, *row2 = row1 + pitch, *row3 = row2 + pitch;
    int32_t sum0 = bias[0], sum1 = bias[1], sum2 = bias[2], sum3 = bias[3];
    mcuedit_sums sums;
    __asm__ volatile("dlstp.8      lr, %[n]\n"
                     "1:\n\t"
                     "vldrb.8      q0, [%[x]], #16\n\t"
                     "vldrb.8      q1, [%[row0]], #16\n\t"
                     "vmladava.s8  %[sum0], q0, q1\n\t"
                     "vldrb.8      q1, [%[row1]], #16\n\t"
                     "vmladava.s8  %[sum1], q0, q1\n\t"
                     "vldrb.8      q1, [%[row2]], #16\n\t"
                     "vmladava.s8  %[sum2], q0, q1\n\t"
                     "vldrb.8      q1, [%[row3]], #16\n\t"
                     "vmladava.s8  %[sum3], q0, q1\n\t"
                     "letp         lr, 1b\n\t"
                     "vmov         %q[sums][2], %q[sums][0], %[sum0], %[sum2]\n\t"
                     "vmov         %q[sums][3], %q[sums][1], %[sum1], %[sum3]"
                     : [sums] "=w"(sums), [x] "+r"(x), [row0] "+r"(row0), [row1] "+r"(row1), [row2] "+r"(row2),
                       [row3] "+r"(row3), [sum0] "+Te"(sum0), [sum1] "+Te"(sum1), [sum2] "+Te"(sum2), [sum3] "+Te"(sum3)
                     : [n] "r"(n)
                     : "lr", "q0", "q1", "memory");
    return sums;
}

#elif defined(MCUEDIT_DOT_DSP)

/* Four elements of a row; those of x are in p (elements 0 and 2) and q (1 and 3). */
#define MCUEDIT_DOT4_ROW(load, sum)           \
    "ldr    %[t], " load "\n\t"               \
    "sxtb16 %[u], %[t]\n\t"                   \
    "sxtb16 %[t], %[t], ror #8\n\t"           \
    "smlad  " sum ", %[u], %[p], " sum "\n\t" \
    "smlad  " sum ", %[t], %[q], " sum "\n\t"

#define MCUEDIT_DOT4_WORD                                                                         \
    "ldr    %[q], [%[x]], #4\n\t"                                                                 \
    "sxtb16 %[p], %[q]\n\t"                                                                       \
    "sxtb16 %[q], %[q], ror #8\n\t" MCUEDIT_DOT4_ROW("[%[w], %[pitch]]", "%[sum1]")               \
        MCUEDIT_DOT4_ROW("[%[w]], #4", "%[sum0]") MCUEDIT_DOT4_ROW("[%[v], %[pitch]]", "%[sum3]") \
            MCUEDIT_DOT4_ROW("[%[v]], #4", "%[sum2]")

/*
 * In assembly for the same reasons as dot_dsp.h. Two words a turn, the first of which is skipped if their number is
 * odd. A tail of less than a word is the last word of each row, with x zeroed where it was used already.
 */
static inline mcuedit_sums mcuedit_dot4_s8(const int8_t *rows, uint32_t pitch, const int8_t *x, uint32_t n,
                                           const int32_t *bias)
{
    int32_t sum0 = bias[0], sum1 = bias[1], sum2 = bias[2], sum3 = bias[3];
    const int8_t *w = rows, *v = rows + 2u * pitch;
    uint32_t tail = n & 3u, last, p, q, t, u;
    if (n >= 4u) {
        const int8_t *end = x + (n - tail);
        for (;;) {
            __asm__ volatile(
                "sub    %[p], %[end], %[x]\n\t"
                "lsls   %[p], %[p], #29\n\t"
                "bmi    2f\n"
                "1:\n\t" MCUEDIT_DOT4_WORD "2:\n\t" MCUEDIT_DOT4_WORD "cmp    %[x], %[end]\n\t"
                "bne    1b"
                : [x] "+r"(x), [w] "+r"(w), [v] "+r"(v), [sum0] "+r"(sum0), [sum1] "+r"(sum1), [sum2] "+r"(sum2),
                  [sum3] "+r"(sum3), [p] "=&r"(p), [q] "=&r"(q), [t] "=&r"(t), [u] "=&r"(u)
                : [pitch] "r"(pitch), [end] "r"(end)
                : "cc", "memory");
            if (tail == 0) {
                break;
            }
            uint32_t used = 4u - tail;
            MCUEDIT_COPY(&last, x - used, sizeof(last));
            last = last >> 8u * used << 8u * used;
            x = (const int8_t *)&last;
            end = x + sizeof(last);
            w -= used;
            v -= used;
            tail = 0;
        }
    }
    for (; tail != 0; tail--, x++, w++, v++) {
        sum0 += *w * *x;
        sum1 += w[pitch] * *x;
        sum2 += *v * *x;
        sum3 += v[pitch] * *x;
    }
    mcuedit_sums sums = {{sum0, sum1, sum2, sum3}};
    return sums;
}

#else

static inline mcuedit_sums mcuedit_dot4_s8(const int8_t *rows, uint32_t pitch, const int8_t *x, uint32_t n,
                                           const int32_t *bias)
{
    const int8_t *row0 = rows, *row1 = row0 + pitch, *row2 = row1 + pitch, *row3 = row2 + pitch;
    int32_t sum0 = bias[0], sum1 = bias[1], sum2 = bias[2], sum3 = bias[3];
    for (uint32_t i = 0; i < n; i++) {
        int32_t value = x[i];
        sum0 += row0[i] * value;
        sum1 += row1[i] * value;
        sum2 += row2[i] * value;
        sum3 += row3[i] * value;
    }
    mcuedit_sums sums = {{sum0, sum1, sum2, sum3}};
    return sums;
}

#endif

#endif
