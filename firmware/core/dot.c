/* SPDX-License-Identifier: Apache-2.0 */
#include "dot.h"

#include "delta.h"

#if defined(MCUEDIT_DOT_MVE)

/* In assembly because gcc 12 makes no loops that mask their own tail. */
int32_t mcuedit_dot_s8(const int8_t *a, const int8_t *x, uint32_t n, int32_t sum)
{
    __asm__ volatile("wlstp.8      lr, %[n], 2f\n"
                     "1:\n\t"
                     "vldrb.8      q0, [%[x]], #16\n\t"
                     "vldrb.8      q1, [%[a]], #16\n\t"
                     "vmladava.s8  %[sum], q0, q1\n\t"
                     "letp         lr, 1b\n"
                     "2:"
                     : [x] "+r"(x), [a] "+r"(a), [sum] "+Te"(sum)
                     : [n] "r"(n)
                     : "lr", "q0", "q1", "memory");
    return sum;
}

/* A nibble at the top of a byte is 16 times itself. The low ones meet the even elements of x. */
int32_t mcuedit_dot_s4(const uint8_t *a, const int8_t *x, uint32_t n, int32_t sum)
{
    int32_t scaled = 0;
    uint8x16_t evens = vidupq_n_u8(0, 2);
    for (uint32_t some; n != 0; n -= some, a += 16, x += 32) {
        some = n < 32u ? n : 32u;
        mve_pred16_t low = vctp8q((some + 1u) / 2u), high = vctp8q(some / 2u);
        int8x16_t as = vreinterpretq_s8_u8(vldrbq_z_u8(a, low));
        scaled = vmladavaq_s8(scaled, vshlq_n_s8(as, 4), vldrbq_gather_offset_z_s8(x, evens, low));
        as = vandq_s8(as, vdupq_n_s8(-16));
        scaled = vmladavaq_s8(scaled, as, vldrbq_gather_offset_z_s8(x + 1, evens, high));
    }
    return sum + (scaled >> 4);
}

#else

#ifdef MCUEDIT_DOT_DSP
#include "dot_dsp.h"
#endif

int32_t mcuedit_dot_s8(const int8_t *a, const int8_t *x, uint32_t n, int32_t sum)
{
#ifdef MCUEDIT_DOT_DSP
    uint32_t eights = n & ~7u;
    if (eights != 0) {
        sum = mcuedit_dsp_s8(a, x, eights, sum);
        n -= eights;
        if (n == 0) {
            return sum;
        }
        a += eights;
        x += eights;
    }
#endif
    for (; n != 0; n--) {
        sum += *a++ * *x++;
    }
    return sum;
}

int32_t mcuedit_dot_s4(const uint8_t *a, const int8_t *x, uint32_t n, int32_t sum)
{
#ifdef MCUEDIT_DOT_DSP
    while (n >= 8u) {
        uint32_t some = (n < MCUEDIT_NIBBLES_MAX ? n : MCUEDIT_NIBBLES_MAX) & ~7u;
        sum = mcuedit_dsp_s4(a, x, some, sum);
        a += some / 2u;
        x += some;
        n -= some;
    }
#endif
    for (; n != 0; a++) {
        sum += ((int8_t)(*a << 4) >> 4) * *x++;
        if (--n != 0) {
            sum += ((int8_t)*a >> 4) * *x++;
            n--;
        }
    }
    return sum;
}

#endif

static int32_t dot_packed(const mcuedit_row *row, const uint8_t *a, uint32_t form, int32_t sum)
{
    const int8_t *x = row->x;
    uint32_t n = row->n;
    if (form == 0) { /* first: most rows are so */
        return mcuedit_dot_s8((const int8_t *)a, x, n, sum);
    }
    if (form >= DELTA_WINDOWS) {
        x += mcuedit_u16(a + WINDOW_FIRST);
        n = mcuedit_u16(a + WINDOW_WIDTH);
        a += WINDOW_HEADER_SIZE;
    }
    return form & DELTA_INT4 ? mcuedit_dot_s4(a, x, n, sum) : mcuedit_dot_s8((const int8_t *)a, x, n, sum);
}

#if MCUEDIT_UNPACKED > 0
int32_t mcuedit_dot_first(mcuedit_row *row, const uint8_t *a, uint32_t form, int32_t sum)
{
    if (row->last != form || row->n > MCUEDIT_UNPACKED || (row->n & 31u) != 0 || form >= DELTA_WINDOWS) {
        row->last = form;
        return dot_packed(row, a, form, sum);
    }
    if (form) {
        mcuedit_dsp_unpack_s4(row->x, row->n, row->pairs);
    } else {
        mcuedit_dsp_unpack_s8(row->x, row->n, row->pairs);
    }
    row->unpacked = form;
    return mcuedit_dot_unpacked(row, a, form, sum);
}

int32_t mcuedit_dot_unpacked(const mcuedit_row *row, const uint8_t *a, uint32_t form, int32_t sum)
{
    return form ? mcuedit_dsp_unpacked_s4(a, row->pairs, row->n, sum)
                : mcuedit_dsp_unpacked_s8(a, row->pairs, row->n, sum);
}
#else
int32_t mcuedit_row_dot(mcuedit_row *row, const uint8_t *a, uint32_t form, int32_t sum)
{
    return dot_packed(row, a, form, sum);
}
#endif
