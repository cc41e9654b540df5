/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device's part of federated training: A is frozen and the same everywhere, B is learned (SPEC.md, section 12).
 *
 * In a round the device adds up the gradient of its own examples and sends the integers, masked or noisy; no example
 * leaves it. The same arithmetic as mcuedit/federated/client.py, to the byte.
 */
#ifndef MCUEDIT_FEDERATE_H
#define MCUEDIT_FEDERATE_H

#include "mcuedit/mcuedit.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Logits by which the wanted class is to lead. */
#define MCUEDIT_FEDERATE_MARGIN 8

/* Elements of B of the adapter's first delta. */
uint32_t mcuedit_federate_size(const mcuedit_adapter *adapter);

/*
 * Adds one example's gradient of B to `gradient`, int32 [n_rows][rank] of the adapter's first delta.
 *
 * h: of that delta in the inference just made, `rank` bytes; logits: what it gave, with the delta, `classes` bytes.
 * If the logit of `wanted` exceeds every other one by `margin`, nothing changes. Else h is added to the row of `wanted`
 * and taken from the row of the largest other class, where the delta stores those rows.
 * Returns 1 if the example had something to say, else 0; MCUEDIT_E_FIELD if `wanted` is no class.
 */
int mcuedit_federate_example(const mcuedit_adapter *adapter, const int8_t *h, const int8_t *logits, uint16_t classes,
                             uint16_t wanted, uint8_t margin, int32_t *gradient);

/*
 * Writes B, int8 [n_rows][rank], into the first delta of an adapter in RAM, and its CRC. MCUEDIT_E_FIELD, and nothing
 * is written, if a value is -128. Must not be called while an inference uses the adapter.
 */
int mcuedit_federate_replace(void *adapter_bytes, const int8_t *b);

#ifdef __cplusplus
}
#endif

#endif
