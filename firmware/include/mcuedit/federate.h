/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device's part of federated training: A is frozen and the same everywhere, B is learned (SPEC.md, section 12).
 *
 * In a round the device adds up the gradient of its own examples and sends the integers, masked or noisy; no example
 * leaves it. The same arithmetic as mcuedit/training/factors/frozen_a.py, to the byte.
 */
#ifndef MCUEDIT_FEDERATE_H
#define MCUEDIT_FEDERATE_H

#include "mcuedit/mcuedit.h"
#include "mcuedit/privacy.h"

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

/*
 * A schedule of training with differential privacy; mcuedit.privacy computes its epsilon on the host ("mcuedit learn
 * --budget --dp"). What is sampled and clipped as one, a unit, is an example, or an edit with all its wordings. A step:
 *
 * 1. for every unit: mcuedit_sampled(random, rate), once; if true, an inference and mcuedit_private_example of the one
 *    example, or of each wording an inference and mcuedit_federate_example into `own`, and mcuedit_private_unit;
 * 2. for every public one, if there are any: an inference and mcuedit_private_keep;
 * 3. mcuedit_private_step, and mcuedit_federate_replace.
 *
 * The schedule must be fixed before the first step, and one schedule is all that the same examples are used for: a
 * second one adds its epsilon. With examples as units, epsilon of one example is not that of an edit: the k wordings of
 * an edit move a sum by up to k * clip.
 */
typedef struct {
    const mcuedit_random *random; /* of a true random number generator */
    uint32_t rate;                /* a unit takes part in a step with probability rate / 2^32 */
    uint16_t sigma;               /* of the noise on every element of a step's sum, 1..MCUEDIT_SIGMA_MAX */
    uint16_t clip;                /* L2 norm that the gradient of one unit has at most, 1..MCUEDIT_CLIP_MAX */
    uint16_t steps;
} mcuedit_private;

/* MCUEDIT_E_FIELD if a value of the schedule is out of range. */
int mcuedit_private_check(const mcuedit_private *schedule);

/* Clips the gradient `own` of one unit, adds it to `sum` and sets it to zero. Both are int32 [n_rows][rank], `size`. */
void mcuedit_private_unit(const mcuedit_private *schedule, uint32_t size, int32_t *own, int32_t *sum);

/* The same of one private example; `own` is room to work in. Returns as mcuedit_federate_example. */
int mcuedit_private_example(const mcuedit_private *schedule, const mcuedit_adapter *adapter, const int8_t *h,
                            const int8_t *logits, uint16_t classes, uint16_t wanted, int32_t *own, int32_t *sum);

/*
 * Adds the gradient of a public example, whose answer is to stay, to `sum`, as it is. Its rival is the largest logit of
 * the delta's rows, as nothing else moves. Returns as mcuedit_federate_example.
 */
int mcuedit_private_keep(const mcuedit_adapter *adapter, const int8_t *h, const int8_t *logits, uint16_t classes,
                         uint16_t answer, int32_t *sum);

/*
 * Ends step `number` (from 0): puts noise on `sum`, moves `masters` (B in 1/256) along it, writes `b`, and sets `sum`
 * to zero. How far it moves depends on the noisy sum alone, never on how many examples there were. MCUEDIT_E_STATE, and
 * nothing happens, after the last step of the schedule.
 */
int mcuedit_private_step(const mcuedit_private *schedule, uint16_t number, uint32_t size, int32_t *sum,
                         int32_t *masters, int8_t *b);

#ifdef __cplusplus
}
#endif

#endif
