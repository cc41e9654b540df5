/* SPDX-License-Identifier: Apache-2.0 */
#include "../core/dot4.h"
#include "../core/fixedpoint.h"
#include "strided.h"

#if defined(MCUEDIT_DOT_MVE)
#define FOURS 1

static mcuedit_sums with_run(mcuedit_sums sums, const int8_t *x, uint32_t count, int32_t step)
{
    for (; count != 0; count--, x += step) {
        sums = vaddq_s32(sums, vldrbq_s32(x));
    }
    return sums;
}

#elif defined(MCUEDIT_DOT_DSP)
#define FOURS    1
#define HALF_MAX 256u /* elements of which no sum leaves its halfword */

static mcuedit_sums with_run(mcuedit_sums sums, const int8_t *x, uint32_t count, int32_t step)
{
    while (count != 0) {
        int32_t even = 0, odd = 0, word;
        uint32_t part = count < HALF_MAX ? count : HALF_MAX;
        count -= part;
        for (; part != 0; part--, x += step) {
            MCUEDIT_COPY(&word, x, sizeof(word));
            __asm__("sxtab16 %0, %0, %1" : "+r"(even) : "r"(word));
            __asm__("sxtab16 %0, %0, %1, ror #8" : "+r"(odd) : "r"(word));
        }
        sums = (mcuedit_sums){{sums.of[0] + (int16_t)even, sums.of[1] + (int16_t)odd, sums.of[2] + (even >> 16),
                               sums.of[3] + (odd >> 16)}};
    }
    return sums;
}

#endif

#ifdef FOURS

/* Four outputs whose elements lie side by side. */
static MCUEDIT_NOINLINE void mean_fours(const mcuedit_mean *op, const int8_t *input, int8_t *output)
{
    int32_t zero = op->output_zero_point, lo = -128 - zero, hi = 127 - zero;
    int32_t of[4] = {op->bias, op->bias, op->bias, op->bias};
    mcuedit_sums sums;
    mcuedit_at summed = {0};
    MCUEDIT_COPY(&sums, of, sizeof(sums));
    do {
        sums = with_run(sums, input + summed.a, op->count, op->step);
    } while (mcuedit_loops_next(op->summed, op->summed_depth, &summed));
    MCUEDIT_COPY(of, &sums, sizeof(of));
    for (uint32_t k = 0; k < 4; k++) {
        output[k] = (int8_t)(mcuedit_clamp(mcuedit_mbqm_any(of[k], op->multiplier, op->shift), lo, hi) + zero);
    }
}

/* Whether the next four outputs are such ones: turns of one loop, by steps of 1. */
static bool are_beside(const mcuedit_mean *op, const mcuedit_at *kept)
{
    if (op->kept_depth == 0) {
        return false;
    }
    const int32_t *last = op->kept + 3u * (op->kept_depth - 1u);
    return last[1] == 1 && last[0] - kept->turns[op->kept_depth - 1u] >= 4;
}

#endif

void mcuedit_mean_s8(const mcuedit_mean *op, const int8_t *input, int8_t *output)
{
    int32_t zero = op->output_zero_point, lo = -128 - zero, hi = 127 - zero;
    mcuedit_at kept = {0};
    do {
#ifdef FOURS
        if (are_beside(op, &kept)) {
            mean_fours(op, input + kept.a, output);
            output += 4;
            kept.a += 3;
            kept.turns[op->kept_depth - 1u] += 3;
            continue;
        }
#endif
        int32_t sum = op->bias;
        mcuedit_at summed = {0};
        do {
            const int8_t *x = input + kept.a + summed.a;
            for (uint32_t n = op->count; n != 0; n--, x += op->step) {
                sum += *x;
            }
        } while (mcuedit_loops_next(op->summed, op->summed_depth, &summed));
        *output++ = (int8_t)(mcuedit_clamp(mcuedit_mbqm_any(sum, op->multiplier, op->shift), lo, hi) + zero);
    } while (mcuedit_loops_next(op->kept, op->kept_depth, &kept));
}
