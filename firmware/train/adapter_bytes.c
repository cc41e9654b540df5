/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of SPEC.md, section 3, as training writes them. */
#include "adapter_bytes.h"

#include "../core/crc32.h"
#include "../core/delta.h"

void mcuedit_train_put16(uint8_t *to, uint32_t value)
{
    to[0] = (uint8_t)value;
    to[1] = (uint8_t)(value >> 8);
}

void mcuedit_train_put32(uint8_t *to, uint32_t value)
{
    mcuedit_train_put16(to, value);
    mcuedit_train_put16(to + 2, value >> 16);
}

void mcuedit_train_put_delta(const mcuedit_base *base, uint32_t tap, uint32_t target, uint8_t *delta)
{
    mcuedit_train_put16(delta + DELTA_TAP, tap);
    mcuedit_train_put16(delta + DELTA_TARGET, target);
    mcuedit_train_put16(delta + DELTA_N_IN, base->ops[tap].n_in);
    delta[DELTA_ZX] = (uint8_t)base->ops[tap].input_zero_point;
    delta[DELTA_ACT_LO] = (uint8_t)base->ops[target].act_lo;
    delta[DELTA_ACT_HI] = (uint8_t)base->ops[target].act_hi;
}

uint8_t *mcuedit_train_pad(uint8_t *to, const uint8_t *start)
{
    while (((uint32_t)(to - start) & 3u) != 0) {
        *to++ = 0;
    }
    return to;
}

uint32_t mcuedit_train_seal(const mcuedit_base *base, uint8_t *adapter, const uint8_t *end)
{
    uint32_t size = (uint32_t)(end - adapter);
    mcuedit_train_put32(adapter, 'M' | 'C' << 8 | 'E' << 16 | (uint32_t)MCUEDIT_FORMAT << 24);
    mcuedit_train_put16(adapter + ADAPTER_COUNT, 1);
    mcuedit_train_put16(adapter + ADAPTER_WORDS, size / 4u);
    for (uint32_t i = 0; i < MCUEDIT_BASE_ID_SIZE; i++) {
        adapter[ADAPTER_BASE_ID + i] = base->sha256[i];
    }
    uint32_t crc = mcuedit_crc32(0, adapter, ADAPTER_CRC);
    crc = mcuedit_crc32(crc, adapter + ADAPTER_HEADER_SIZE, size - ADAPTER_HEADER_SIZE);
    mcuedit_train_put32(adapter + ADAPTER_CRC, crc);
    return size;
}
