/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuedit/federate.h"

#include <stdbool.h>
#include <stddef.h>

#include "../core/crc32.h"
#include "../core/delta.h"

uint32_t mcuedit_federate_size(const mcuedit_adapter *adapter)
{
    return (uint32_t)mcuedit_u16(adapter->deltas + DELTA_N_ROWS) * adapter->deltas[DELTA_RANK];
}

/* The row of the gradient that a class has; none: NULL. */
static int32_t *row_of(const uint8_t *delta, int32_t *gradient, uint32_t class_index)
{
    uint32_t n_rows = mcuedit_u16(delta + DELTA_N_ROWS), rank = delta[DELTA_RANK];
    bool dense = (delta[DELTA_FLAGS] & DELTA_DENSE) != 0;
    const uint8_t *rows = delta + mcuedit_delta_s(delta) - mcuedit_delta_rows_size(delta);
    for (uint32_t i = 0; i < n_rows; i++) {
        if ((dense ? i : mcuedit_u16(rows + 2u * i)) == class_index) {
            return gradient + i * rank;
        }
    }
    return NULL;
}

static void add(int32_t *row, const int8_t *h, uint32_t rank, int32_t sign)
{
    for (uint32_t k = 0; row != NULL && k < rank; k++) {
        row[k] += sign * h[k];
    }
}

int mcuedit_federate_example(const mcuedit_adapter *adapter, const int8_t *h, const int8_t *logits, uint16_t classes,
                             uint16_t wanted, uint8_t margin, int32_t *gradient)
{
    if (wanted >= classes) {
        return MCUEDIT_E_FIELD;
    }
    int32_t top = -1;
    for (int32_t i = 0; i < classes; i++) {
        if (i != wanted && (top < 0 || logits[i] > logits[top])) {
            top = i;
        }
    }
    if (top < 0 || logits[wanted] - logits[top] >= margin) {
        return 0;
    }
    const uint8_t *delta = adapter->deltas;
    add(row_of(delta, gradient, wanted), h, delta[DELTA_RANK], 1);
    add(row_of(delta, gradient, (uint32_t)top), h, delta[DELTA_RANK], -1);
    return 1;
}

int mcuedit_federate_replace(void *adapter_bytes, const int8_t *b)
{
    uint8_t *header = adapter_bytes, *delta = header + ADAPTER_HEADER_SIZE;
    uint32_t rank = delta[DELTA_RANK], size = mcuedit_u16(delta + DELTA_N_ROWS) * rank;
    for (uint32_t i = 0; i < size; i++) {
        if (b[i] == INT8_MIN) {
            return MCUEDIT_E_FIELD;
        }
    }
    uint8_t *to = delta + mcuedit_delta_s(delta) + rank;
    for (uint32_t i = 0; i < size; i++) {
        to[i] = (uint8_t)b[i];
    }
    uint32_t bytes = 4u * mcuedit_u16(header + ADAPTER_WORDS);
    uint32_t crc = mcuedit_crc32(0, header, ADAPTER_CRC);
    crc = mcuedit_crc32(crc, header + ADAPTER_HEADER_SIZE, bytes - ADAPTER_HEADER_SIZE);
    for (uint32_t i = 0; i < 4; i++) {
        header[ADAPTER_CRC + i] = (uint8_t)(crc >> 8u * i);
    }
    return MCUEDIT_OK;
}
