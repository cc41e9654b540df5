/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUEDIT_DOT_DSP_H
#define MCUEDIT_DOT_DSP_H

/*
 * The inner loops of dot.c for cores with the DSP extension, over a multiple of 8 elements. SMLAD multiplies and adds
 * two pairs of halfwords. Bytes are split into such pairs by SXTB16; a nibble at the top of a halfword is 4096 times
 * itself, sign included. In assembly because compilers find neither the writeback nor the shifted AND, which cost a
 * third more. LDR may be unaligned, LDRD may not.
 */

#include <stdint.h>

/* Elements after which a sum of 4096 * 7 * 128 each still fits into int32. */
#define MCUEDIT_NIBBLES_MAX 512u

#define MCUEDIT_NIBBLE_MASK UINT32_C(0xF000F000)

static inline int32_t mcuedit_dsp_s8(const int8_t *a, const int8_t *x, uint32_t n, int32_t sum)
{
    const int8_t *end = x + n;
    uint32_t as, xs, p, q;
    __asm__ volatile(
        "1:\n\t"
        "ldr    %[xs], [%[x]], #4\n\t"
        "ldr    %[as], [%[a]], #4\n\t"
        "sxtb16 %[p], %[xs]\n\t"
        "sxtb16 %[q], %[as]\n\t"
        "smlad  %[sum], %[p], %[q], %[sum]\n\t"
        "sxtb16 %[p], %[xs], ror #8\n\t"
        "sxtb16 %[q], %[as], ror #8\n\t"
        "smlad  %[sum], %[p], %[q], %[sum]\n\t"
        "ldr    %[xs], [%[x]], #4\n\t"
        "ldr    %[as], [%[a]], #4\n\t"
        "sxtb16 %[p], %[xs]\n\t"
        "sxtb16 %[q], %[as]\n\t"
        "smlad  %[sum], %[p], %[q], %[sum]\n\t"
        "sxtb16 %[p], %[xs], ror #8\n\t"
        "sxtb16 %[q], %[as], ror #8\n\t"
        "smlad  %[sum], %[p], %[q], %[sum]\n\t"
        "cmp    %[x], %[end]\n\t"
        "bne    1b"
        : [a] "+r"(a), [x] "+r"(x), [sum] "+r"(sum), [as] "=&r"(as), [xs] "=&r"(xs), [p] "=&r"(p), [q] "=&r"(q)
        : [end] "r"(end)
        : "cc", "memory");
    return sum;
}

/* At most MCUEDIT_NIBBLES_MAX elements. The nibbles of a word pair up as i with i + 4: so must x. */
static inline int32_t mcuedit_dsp_s4(const uint8_t *a, const int8_t *x, uint32_t n, int32_t sum)
{
    const int8_t *end = x + n;
    uint32_t word, low, high, p, q;
    int32_t scaled = 0;
    __asm__ volatile("1:\n\t"
                     "ldr    %[low], [%[x]], #4\n\t"
                     "ldr    %[high], [%[x]], #4\n\t"
                     "ldr    %[word], [%[a]], #4\n\t"
                     "pkhbt  %[p], %[low], %[high], lsl #16\n\t" /* x0, x1, x4, x5 */
                     "pkhtb  %[q], %[high], %[low], asr #16\n\t" /* x2, x3, x6, x7 */
                     "sxtb16 %[low], %[p]\n\t"
                     "and    %[high], %[mask], %[word], lsl #12\n\t"
                     "smlad  %[scaled], %[high], %[low], %[scaled]\n\t"
                     "sxtb16 %[low], %[p], ror #8\n\t"
                     "and    %[high], %[mask], %[word], lsl #8\n\t"
                     "smlad  %[scaled], %[high], %[low], %[scaled]\n\t"
                     "sxtb16 %[low], %[q]\n\t"
                     "and    %[high], %[mask], %[word], lsl #4\n\t"
                     "smlad  %[scaled], %[high], %[low], %[scaled]\n\t"
                     "sxtb16 %[low], %[q], ror #8\n\t"
                     "and    %[high], %[mask], %[word]\n\t"
                     "smlad  %[scaled], %[high], %[low], %[scaled]\n\t"
                     "cmp    %[x], %[end]\n\t"
                     "bne    1b"
                     : [a] "+r"(a), [x] "+r"(x), [scaled] "+r"(scaled), [word] "=&r"(word), [low] "=&r"(low),
                       [high] "=&r"(high), [p] "=&r"(p), [q] "=&r"(q)
                     : [mask] "r"(MCUEDIT_NIBBLE_MASK), [end] "r"(end)
                     : "cc", "memory");
    return sum + (scaled >> 12);
}

/* x as pairs, in the order in which the bytes of a row of int8 meet them. `pairs` is aligned to words. */
static inline void mcuedit_dsp_unpack_s8(const int8_t *x, uint32_t n, uint32_t *pairs)
{
    const int8_t *end = x + n;
    uint32_t word, p, q;
    __asm__ volatile("1:\n\t"
                     "ldr    %[word], [%[x]], #4\n\t"
                     "sxtb16 %[p], %[word]\n\t"
                     "sxtb16 %[q], %[word], ror #8\n\t"
                     "strd   %[p], %[q], [%[pairs]], #8\n\t"
                     "cmp    %[x], %[end]\n\t"
                     "bne    1b"
                     : [x] "+r"(x), [pairs] "+r"(pairs), [word] "=&r"(word), [p] "=&r"(p), [q] "=&r"(q)
                     : [end] "r"(end)
                     : "cc", "memory");
}

/* The same for a row of int4. */
static inline void mcuedit_dsp_unpack_s4(const int8_t *x, uint32_t n, uint32_t *pairs)
{
    const int8_t *end = x + n;
    uint32_t low, high, p, q;
    __asm__ volatile(
        "1:\n\t"
        "ldr    %[low], [%[x]], #4\n\t"
        "ldr    %[high], [%[x]], #4\n\t"
        "pkhbt  %[p], %[low], %[high], lsl #16\n\t" /* x0, x1, x4, x5 */
        "pkhtb  %[q], %[high], %[low], asr #16\n\t" /* x2, x3, x6, x7 */
        "sxtb16 %[low], %[p]\n\t"
        "sxtb16 %[high], %[p], ror #8\n\t"
        "strd   %[low], %[high], [%[pairs]], #8\n\t"
        "sxtb16 %[low], %[q]\n\t"
        "sxtb16 %[high], %[q], ror #8\n\t"
        "strd   %[low], %[high], [%[pairs]], #8\n\t"
        "cmp    %[x], %[end]\n\t"
        "bne    1b"
        : [x] "+r"(x), [pairs] "+r"(pairs), [low] "=&r"(low), [high] "=&r"(high), [p] "=&r"(p), [q] "=&r"(q)
        : [end] "r"(end)
        : "cc", "memory");
}

/* 16 elements of a row, and 16 more. Registers have names because LDM wants them in order. */
#define MCUEDIT_SIXTEEN_S8                      \
    "ldm    %[a]!, {r4, r5, r6, r8}\n\t"        \
    "ldm    %[pairs]!, {r9, r10, r11, r12}\n\t" \
    "sxtb16 lr, r4\n\t"                         \
    "smlad  %[sum], lr, r9, %[sum]\n\t"         \
    "sxtb16 lr, r4, ror #8\n\t"                 \
    "smlad  %[sum], lr, r10, %[sum]\n\t"        \
    "sxtb16 lr, r5\n\t"                         \
    "smlad  %[sum], lr, r11, %[sum]\n\t"        \
    "sxtb16 lr, r5, ror #8\n\t"                 \
    "smlad  %[sum], lr, r12, %[sum]\n\t"        \
    "ldm    %[pairs]!, {r9, r10, r11, r12}\n\t" \
    "sxtb16 lr, r6\n\t"                         \
    "smlad  %[sum], lr, r9, %[sum]\n\t"         \
    "sxtb16 lr, r6, ror #8\n\t"                 \
    "smlad  %[sum], lr, r10, %[sum]\n\t"        \
    "sxtb16 lr, r8\n\t"                         \
    "smlad  %[sum], lr, r11, %[sum]\n\t"        \
    "sxtb16 lr, r8, ror #8\n\t"                 \
    "smlad  %[sum], lr, r12, %[sum]\n\t"

#define MCUEDIT_SIXTEEN_S4                      \
    "ldm    %[a]!, {r4, r5}\n\t"                \
    "ldm    %[pairs]!, {r9, r10, r11, r12}\n\t" \
    "and    lr, r6, r4, lsl #12\n\t"            \
    "smlad  %[scaled], lr, r9, %[scaled]\n\t"   \
    "and    lr, r6, r4, lsl #8\n\t"             \
    "smlad  %[scaled], lr, r10, %[scaled]\n\t"  \
    "and    lr, r6, r4, lsl #4\n\t"             \
    "smlad  %[scaled], lr, r11, %[scaled]\n\t"  \
    "and    lr, r6, r4\n\t"                     \
    "smlad  %[scaled], lr, r12, %[scaled]\n\t"  \
    "ldm    %[pairs]!, {r9, r10, r11, r12}\n\t" \
    "and    lr, r6, r5, lsl #12\n\t"            \
    "smlad  %[scaled], lr, r9, %[scaled]\n\t"   \
    "and    lr, r6, r5, lsl #8\n\t"             \
    "smlad  %[scaled], lr, r10, %[scaled]\n\t"  \
    "and    lr, r6, r5, lsl #4\n\t"             \
    "smlad  %[scaled], lr, r11, %[scaled]\n\t"  \
    "and    lr, r6, r5\n\t"                     \
    "smlad  %[scaled], lr, r12, %[scaled]\n\t"

/* Rows of a multiple of 32 elements, aligned to words, with an unpacked x. r7 may be a frame pointer. */
static inline int32_t mcuedit_dsp_unpacked_s8(const uint8_t *a, const uint32_t *pairs, uint32_t n, int32_t sum)
{
    const uint8_t *end = a + n;
    __asm__ volatile("1:\n\t" MCUEDIT_SIXTEEN_S8 MCUEDIT_SIXTEEN_S8 "cmp    %[a], %[end]\n\t"
                     "bne    1b"
                     : [a] "+r"(a), [pairs] "+r"(pairs), [sum] "+r"(sum)
                     : [end] "r"(end)
                     : "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
    return sum;
}

/* The same; at most MCUEDIT_NIBBLES_MAX elements. */
static inline int32_t mcuedit_dsp_unpacked_s4(const uint8_t *a, const uint32_t *pairs, uint32_t n, int32_t sum)
{
    const uint8_t *end = a + n / 2u;
    int32_t scaled = 0;
    __asm__ volatile("mov    r6, #0xF000F000\n"
                     "1:\n\t" MCUEDIT_SIXTEEN_S4 MCUEDIT_SIXTEEN_S4 "cmp    %[a], %[end]\n\t"
                     "bne    1b"
                     : [a] "+r"(a), [pairs] "+r"(pairs), [scaled] "+r"(scaled)
                     : [end] "r"(end)
                     : "r4", "r5", "r6", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
    return sum + (scaled >> 12);
}

#endif
