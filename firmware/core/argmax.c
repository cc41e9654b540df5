/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>

#include "dot.h"
#include "mcuedit/mcuedit.h"

#if defined(MCUEDIT_DOT_DSP) || defined(MCUEDIT_DOT_MVE)
#define AT_ONCE 4u

/* Cores with DSP or MVE have SSUB8, which compares four bytes, and SEL, which makes of that what can be tested. */
static bool none_above(const int8_t *four, int32_t value)
{
    uint32_t word, bound = (uint32_t)(value & 0xFF) * 0x01010101u;
    MCUEDIT_COPY(&word, four, sizeof(word));
    __asm__("ssub8  %[word], %[bound], %[word]\n\t"
            "sel    %[word], %[no], %[yes]"
            : [word] "+r"(word)
            : [bound] "r"(bound), [no] "r"(0), [yes] "r"(UINT32_MAX)
            : "cc");
    return word == 0;
}
#endif

uint32_t mcuedit_argmax_s8(const int8_t *values, uint32_t n)
{
    for (uint32_t first = 0, i = 0;; first = i) {
        int32_t largest = values[first];
#ifdef AT_ONCE
        while (n - i > AT_ONCE && none_above(values + i + 1, largest)) {
            i += AT_ONCE;
        }
#endif
        do {
            if (++i == n) {
                return first;
            }
        } while (values[i] <= largest);
    }
}
