/* SPDX-License-Identifier: Apache-2.0 */
#include "train_math.h"

#include "../core/fixedpoint.h"

#if defined(MCUEDIT_DOT_MVE)

int32_t mcuedit_train_dot(const int8_t *x, const int16_t *w, uint32_t n)
{
    int32_t sum = 0;
    __asm__ volatile("wlstp.16     lr, %[n], 2f\n"
                     "1:\n\t"
                     "vldrb.s16    q0, [%[x]], #8\n\t"
                     "vldrh.16     q1, [%[w]], #16\n\t"
                     "vmladava.s16 %[sum], q0, q1\n\t"
                     "letp         lr, 1b\n"
                     "2:"
                     : [x] "+l"(x), [w] "+r"(w), [sum] "+Te"(sum)
                     : [n] "r"(n)
                     : "lr", "q0", "q1", "memory");
    return sum;
}

void mcuedit_train_add(int32_t *acc, const int8_t *x, int32_t c, uint32_t n)
{
    __asm__ volatile("wlstp.32     lr, %[n], 2f\n"
                     "1:\n\t"
                     "vldrb.s32    q0, [%[x]], #4\n\t"
                     "vldrw.32     q1, [%[acc]]\n\t"
                     "vmla.s32     q1, q0, %[c]\n\t"
                     "vstrw.32     q1, [%[acc]], #16\n\t"
                     "letp         lr, 1b\n"
                     "2:"
                     : [x] "+l"(x), [acc] "+r"(acc)
                     : [n] "r"(n), [c] "r"(c)
                     : "lr", "q0", "q1", "memory");
}

#else

int32_t mcuedit_train_dot(const int8_t *x, const int16_t *w, uint32_t n)
{
    int32_t sum = 0;
#ifdef MCUEDIT_DOT_DSP
    const int8_t *end = x + (n & ~7u);
    while (x != end) {
        __asm__ volatile("ldr    r4, [%[x]], #4\n\t"
                         "ldr    r5, [%[x]], #4\n\t"
                         "ldm    %[w]!, {r6, r8, r9, r10}\n\t"
                         "sxtb16 r12, r4\n\t"
                         "sxtb16 r4, r4, ror #8\n\t"
                         "smlad  %[sum], r12, r6, %[sum]\n\t"
                         "smlad  %[sum], r4, r8, %[sum]\n\t"
                         "sxtb16 r12, r5\n\t"
                         "sxtb16 r5, r5, ror #8\n\t"
                         "smlad  %[sum], r12, r9, %[sum]\n\t"
                         "smlad  %[sum], r5, r10, %[sum]"
                         : [x] "+r"(x), [w] "+r"(w), [sum] "+r"(sum)
                         :
                         : "r4", "r5", "r6", "r8", "r9", "r10", "r12", "memory");
    }
    n &= 7u;
#endif
    for (uint32_t j = 0; j < n; j++) {
        sum += x[j] * w[MCUEDIT_AT(j, n)];
    }
    return sum;
}

void mcuedit_train_add(int32_t *acc, const int8_t *x, int32_t c, uint32_t n)
{
#ifdef MCUEDIT_DOT_DSP
    const int8_t *end = x + (n & ~3u);
    while (x != end) {
        __asm__ volatile("ldr    r4, [%[x]], #4\n\t"
                         "ldm    %[acc], {r6, r8, r9, r10}\n\t"
                         "sxtb16 r12, r4\n\t"
                         "sxtb16 r4, r4, ror #8\n\t"
                         "smlabb r6, r12, %[c], r6\n\t"
                         "smlabb r8, r4, %[c], r8\n\t"
                         "smlatb r9, r12, %[c], r9\n\t"
                         "smlatb r10, r4, %[c], r10\n\t"
                         "stm    %[acc]!, {r6, r8, r9, r10}"
                         : [x] "+r"(x), [acc] "+r"(acc)
                         : [c] "r"(c)
                         : "r4", "r6", "r8", "r9", "r10", "r12", "memory");
    }
    n &= 3u;
#endif
    for (; n != 0; n--) {
        *acc++ += c * *x++;
    }
}

#endif

static inline int32_t move(int16_t *w, int32_t change, int32_t most)
{
    int32_t to = *w - (change >> 16);
    to = to > most ? most : to < -most ? -most : to;
    *w = (int16_t)to;
    return to;
}

int32_t mcuedit_train_move(int16_t *w, const int8_t *x, int32_t c, int32_t zx, int32_t most, uint32_t n)
{
    int32_t sum = 0, half = 32768 - c * zx;
    for (uint32_t fours = n / 4u; fours != 0; fours--, w += 4, x += 4) {
        sum += move(w, c * x[0] + half, most);
        sum += move(w + MCUEDIT_AT(1u, 4u), c * x[1] + half, most);
        sum += move(w + MCUEDIT_AT(2u, 4u), c * x[2] + half, most);
        sum += move(w + 3, c * x[3] + half, most);
    }
    for (n &= 3u; n != 0; n--) {
        sum += move(w++, c * *x++ + half, most);
    }
    return sum;
}

int32_t mcuedit_train_limit(uint32_t n)
{
    int32_t most = (int32_t)(((UINT32_C(1) << 30) - 1u) / (128u * n));
    return most < MCUEDIT_INT16 ? most : MCUEDIT_INT16;
}

uint32_t mcuedit_train_fold(int32_t *values, uint32_t n, int32_t most)
{
    int32_t peak = 0;
    uint32_t fold = 0;
    for (uint32_t j = 0; j < n; j++) {
        int32_t size = values[j] < 0 ? -values[j] : values[j];
        peak = size > peak ? size : peak;
    }
    while (peak >> fold > most) {
        fold++;
    }
    for (uint32_t j = 0; j < n; j++) {
        values[j] >>= fold;
    }
    return fold;
}

int32_t mcuedit_train_scaled(int32_t x, int32_t m, int32_t k)
{
    int64_t scaled = ((int64_t)x * m + (INT64_C(1) << (k - 1))) >> k;
    return scaled > MCUEDIT_INT16 ? MCUEDIT_INT16 : scaled < -MCUEDIT_INT16 ? -MCUEDIT_INT16 : (int32_t)scaled;
}
