/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUEDIT_DOT_H
#define MCUEDIT_DOT_H

/*
 * Dot products of int8 and int4 rows with an int8 row. The caller has proven that no partial sum leaves int32.
 *
 * Two rows at a time share the unpacking of x. On cores with the DSP extension four bytes are split into two pairs of
 * halfwords that SMLAD multiplies and adds; loads may be unaligned there (LDR allows it, LDRD and LDM do not, hence
 * __builtin_memcpy). Elsewhere plain C reads bytes. Integer sums have no order: the bytes are the same everywhere.
 */

#include <stdint.h>

#if defined(__ARM_FEATURE_DSP) && __ARM_FEATURE_DSP && defined(__ARM_FEATURE_UNALIGNED)
#define MCUEDIT_DOT_DSP 1

static inline uint32_t mcuedit_word(const void *p)
{
    uint32_t word;
    __builtin_memcpy(&word, p, sizeof(word));
    return word;
}

/* Bytes 0 and 2, sign-extended to halfwords. */
static inline uint32_t mcuedit_even(uint32_t word)
{
    uint32_t pair;
    __asm__("sxtb16 %0, %1" : "=r"(pair) : "r"(word));
    return pair;
}

/* Bytes 1 and 3. */
static inline uint32_t mcuedit_odd(uint32_t word)
{
    uint32_t pair;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(pair) : "r"(word));
    return pair;
}

static inline int32_t mcuedit_smlad(uint32_t a, uint32_t b, int32_t sum)
{
    int32_t result;
    __asm__("smlad %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(sum));
    return result;
}

/* Halfwords (x0, x4), (x2, x6) from even bytes, (x1, x5), (x3, x7) from odd bytes of two consecutive words. */
static inline uint32_t mcuedit_low_halves(uint32_t a, uint32_t b)
{
    uint32_t pair;
    __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(pair) : "r"(a), "r"(b));
    return pair;
}

static inline uint32_t mcuedit_high_halves(uint32_t a, uint32_t b)
{
    uint32_t pair;
    __asm__("pkhtb %0, %1, %2, asr #16" : "=r"(pair) : "r"(b), "r"(a));
    return pair;
}

/* Eight int8 of x, paired as the nibbles of a word of A come out: element i with element i + 4. */
typedef struct {
    uint32_t pair[4];
} mcuedit_eight;

static inline mcuedit_eight mcuedit_load_eight(const int8_t *x)
{
    uint32_t low = mcuedit_word(x), high = mcuedit_word(x + 4);
    uint32_t low_even = mcuedit_even(low), high_even = mcuedit_even(high);
    uint32_t low_odd = mcuedit_odd(low), high_odd = mcuedit_odd(high);
    mcuedit_eight eight = {{mcuedit_low_halves(low_even, high_even), mcuedit_low_halves(low_odd, high_odd),
                            mcuedit_high_halves(low_even, high_even), mcuedit_high_halves(low_odd, high_odd)}};
    return eight;
}

/* sum + 16 * (eight nibbles of `word` . x): a nibble in the high half of a byte is 16 times itself, sign included. */
static inline int32_t mcuedit_smlad_nibbles(uint32_t word, const mcuedit_eight *x, int32_t sum)
{
    uint32_t even = (word << 4) & 0xF0F0F0F0u, odd = word & 0xF0F0F0F0u;
    sum = mcuedit_smlad(mcuedit_even(even), x->pair[0], sum);
    sum = mcuedit_smlad(mcuedit_even(odd), x->pair[1], sum);
    sum = mcuedit_smlad(mcuedit_odd(even), x->pair[2], sum);
    return mcuedit_smlad(mcuedit_odd(odd), x->pair[3], sum);
}
#endif

/* sum + a . x; int8 row a of n elements. */
static inline int32_t mcuedit_dot_s8(const int8_t *a, const int8_t *x, uint32_t n, int32_t sum)
{
    const int8_t *end = x + n;
#ifdef MCUEDIT_DOT_DSP
    for (const int8_t *fours = end - (n & 3u); x != fours; x += 4, a += 4) {
        uint32_t xs = mcuedit_word(x), as = mcuedit_word(a);
        sum = mcuedit_smlad(mcuedit_even(as), mcuedit_even(xs), sum);
        sum = mcuedit_smlad(mcuedit_odd(as), mcuedit_odd(xs), sum);
    }
#endif
    while (x != end) {
        sum += *a++ * *x++;
    }
    return sum;
}

/* sums[0] += a . x and sums[1] += b . x. */
static inline void mcuedit_dot2_s8(const int8_t *a, const int8_t *b, const int8_t *x, uint32_t n, int32_t sums[2])
{
    const int8_t *end = x + n;
    int32_t sum_a = sums[0], sum_b = sums[1];
#ifdef MCUEDIT_DOT_DSP
    for (const int8_t *fours = end - (n & 3u); x != fours; x += 4, a += 4, b += 4) {
        uint32_t xs = mcuedit_word(x), as = mcuedit_word(a), bs = mcuedit_word(b);
        uint32_t x_even = mcuedit_even(xs), x_odd = mcuedit_odd(xs);
        sum_a = mcuedit_smlad(mcuedit_even(as), x_even, sum_a);
        sum_a = mcuedit_smlad(mcuedit_odd(as), x_odd, sum_a);
        sum_b = mcuedit_smlad(mcuedit_even(bs), x_even, sum_b);
        sum_b = mcuedit_smlad(mcuedit_odd(bs), x_odd, sum_b);
    }
#endif
    while (x != end) {
        sum_a += *a++ * *x;
        sum_b += *b++ * *x++;
    }
    sums[0] = sum_a;
    sums[1] = sum_b;
}

/* The nibble of element i, sign-extended. */
static inline int32_t mcuedit_nibble(const uint8_t *a, uint32_t i)
{
    int32_t nibble = (a[i >> 1] >> ((i & 1u) * 4u)) & 0xF;
    return (nibble ^ 8) - 8;
}

/*
 * sum + a . x; int4 row a, two elements a byte, low nibble first. The sum of eights is scaled by 16, which 65,535
 * elements cannot make overflow: 65,535 * 7 * 128 * 16 < 2^31.
 */
static inline int32_t mcuedit_dot_s4(const uint8_t *a, const int8_t *x, uint32_t n, int32_t sum)
{
    uint32_t i = 0;
#ifdef MCUEDIT_DOT_DSP
    int32_t scaled = 0;
    for (; i + 8u <= n; i += 8u) {
        mcuedit_eight eight = mcuedit_load_eight(x + i);
        scaled = mcuedit_smlad_nibbles(mcuedit_word(a + i / 2u), &eight, scaled);
    }
    sum += scaled >> 4;
#endif
    for (; i < n; i++) {
        sum += mcuedit_nibble(a, i) * x[i];
    }
    return sum;
}

/* sums[0] += a . x and sums[1] += b . x. */
static inline void mcuedit_dot2_s4(const uint8_t *a, const uint8_t *b, const int8_t *x, uint32_t n, int32_t sums[2])
{
    uint32_t i = 0;
    int32_t sum_a = sums[0], sum_b = sums[1];
#ifdef MCUEDIT_DOT_DSP
    int32_t scaled_a = 0, scaled_b = 0;
    for (; i + 8u <= n; i += 8u) {
        mcuedit_eight eight = mcuedit_load_eight(x + i);
        scaled_a = mcuedit_smlad_nibbles(mcuedit_word(a + i / 2u), &eight, scaled_a);
        scaled_b = mcuedit_smlad_nibbles(mcuedit_word(b + i / 2u), &eight, scaled_b);
    }
    sum_a += scaled_a >> 4;
    sum_b += scaled_b >> 4;
#endif
    for (; i < n; i++) {
        sum_a += mcuedit_nibble(a, i) * x[i];
        sum_b += mcuedit_nibble(b, i) * x[i];
    }
    sums[0] = sum_a;
    sums[1] = sum_b;
}

#endif
