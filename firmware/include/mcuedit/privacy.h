/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Differential privacy in integers: Poisson sampling, clipping, discrete Gaussian noise (SPEC.md, section 11).
 *
 * No floating point anywhere, so that no rounding leaks what the noise hides (Mironov, "On significance of the least
 * significant bits for differential privacy", 2012). Every draw is exact, given uniform bits.
 */
#ifndef MCUEDIT_PRIVACY_H
#define MCUEDIT_PRIVACY_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Largest standard deviation and clipping norm: products of them stay within 64 bits. */
#define MCUEDIT_SIGMA_MAX 4096u
#define MCUEDIT_CLIP_MAX  32767u

/*
 * Uniform bits, 32 at a time: a true random number generator where privacy is meant. Check it before: with a generator
 * that is stuck, a draw may never end.
 */
typedef struct {
    void *context;
    uint32_t (*draw)(void *context);
} mcuedit_random;

/* True with probability q / 2^32: whether an example takes part in a step. */
bool mcuedit_sampled(const mcuedit_random *random, uint32_t q);

/*
 * Scales `v`, of values within +-2^30, to an L2 norm of at most `clip`, rounding towards zero: the norm of what comes
 * out is at most `clip` after the rounding, not before. A shorter vector is left as it is. `n` is at most 2^16, `clip`
 * 1..MCUEDIT_CLIP_MAX.
 */
void mcuedit_clip(int32_t *v, uint32_t n, uint32_t clip);

/*
 * A draw of the discrete Gaussian: integer k with probability proportional to exp(-k^2 / (2 sigma^2)); `sigma` is
 * 1..MCUEDIT_SIGMA_MAX. Algorithm 3 of Canonne, Kamath and Steinke, "The discrete Gaussian for differential privacy",
 * 2020.
 */
int32_t mcuedit_discrete_gaussian(const mcuedit_random *random, uint32_t sigma);

#ifdef __cplusplus
}
#endif

#endif
