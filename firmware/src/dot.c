/* SPDX-License-Identifier: Apache-2.0 */
#include "dot.h"

#ifdef MCUEDIT_DOT_DSP
#include "dot_dsp.h"
#endif

int32_t mcuedit_dot_s8(const int8_t *a, const int8_t *x, uint32_t n, int32_t sum)
{
#ifdef MCUEDIT_DOT_DSP
    uint32_t eights = n & ~7u;
    if (eights != 0) {
        sum = mcuedit_dsp_s8(a, x, eights, sum);
        a += eights;
        x += eights;
        n &= 7u;
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
        uint32_t some = n < MCUEDIT_NIBBLES_MAX ? n & ~7u : MCUEDIT_NIBBLES_MAX;
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

static int32_t dot_packed(const mcuedit_row *row, const uint8_t *a, uint32_t bits, int32_t sum)
{
    return bits == 8 ? mcuedit_dot_s8((const int8_t *)a, row->x, row->n, sum) : mcuedit_dot_s4(a, row->x, row->n, sum);
}

#if MCUEDIT_UNPACK_MAX > 0
int32_t mcuedit_row_dot(mcuedit_row *row, const uint8_t *a, uint32_t bits, int32_t sum)
{
    if (row->unpacked != bits) {
        if (row->last != bits || row->n > MCUEDIT_UNPACK_MAX || (row->n & 7u) != 0) {
            row->last = bits;
            return dot_packed(row, a, bits, sum);
        }
        if (bits == 8) {
            mcuedit_dsp_unpack_s8(row->x, row->n, row->pairs);
        } else {
            mcuedit_dsp_unpack_s4(row->x, row->n, row->pairs);
        }
        row->unpacked = bits;
    }
    return bits == 8 ? mcuedit_dsp_unpacked_s8(a, row->pairs, row->n, sum)
                     : mcuedit_dsp_unpacked_s4(a, row->pairs, row->n, sum);
}
#else
int32_t mcuedit_row_dot(mcuedit_row *row, const uint8_t *a, uint32_t bits, int32_t sum)
{
    return dot_packed(row, a, bits, sum);
}
#endif
