/* SPDX-License-Identifier: Apache-2.0 */
/* Draws are exact: a uniform number comes from as many bits as it needs, and is drawn again where it is too large. */
#include "mcuedit/privacy.h"

bool mcuedit_sampled(const mcuedit_random *random, uint32_t q)
{
    return random->draw(random->context) < q;
}

/* Uniform in 0..n - 1; n > 0. */
static uint64_t uniform(const mcuedit_random *random, uint64_t n)
{
    uint64_t mask = n - 1u;
    for (uint32_t shift = 1; shift < 64; shift *= 2) {
        mask |= mask >> shift;
    }
    for (;;) {
        uint64_t draw = random->draw(random->context);
        if (mask > UINT32_MAX) {
            draw |= (uint64_t)random->draw(random->context) << 32;
        }
        draw &= mask;
        if (draw < n) {
            return draw;
        }
    }
}

/* True with probability exp(-numerator / denominator), of a fraction of at most 1 with a denominator below 2^50. */
static bool decays_once(const mcuedit_random *random, uint64_t numerator, uint64_t denominator)
{
    bool odd = true;
    for (uint64_t k = 1; uniform(random, denominator * k) < numerator; k++) {
        odd = !odd; /* k beyond 2^14 would take 2^14 successes of probability 1 / k in a row */
    }
    return odd;
}

/* The same for any fraction. */
static bool decays(const mcuedit_random *random, uint64_t numerator, uint64_t denominator)
{
    for (; numerator > denominator; numerator -= denominator) {
        if (!decays_once(random, 1, 1)) {
            return false;
        }
    }
    return decays_once(random, numerator, denominator);
}

/* Integer k with probability proportional to exp(-|k| / t). */
static int32_t discrete_laplace(const mcuedit_random *random, uint32_t t)
{
    for (;;) {
        uint32_t rest = (uint32_t)uniform(random, t);
        if (!decays_once(random, rest, t)) {
            continue;
        }
        while (decays_once(random, 1, 1)) {
            rest += t;
        }
        bool negative = uniform(random, 2) != 0;
        if (!negative || rest != 0) { /* 0 has one sign */
            return negative ? -(int32_t)rest : (int32_t)rest;
        }
    }
}

int32_t mcuedit_discrete_gaussian(const mcuedit_random *random, uint32_t sigma)
{
    uint64_t t = sigma + 1u, variance = (uint64_t)sigma * sigma;
    for (;;) {
        int32_t draw = discrete_laplace(random, (uint32_t)t);
        uint64_t size = (uint64_t)(draw < 0 ? -draw : draw) * t;
        uint64_t away = size > variance ? size - variance : variance - size;
        if (decays(random, away * away, 2u * variance * t * t)) {
            return draw;
        }
    }
}

/* Largest integer whose square is at most x. */
static uint32_t square_root(uint64_t x)
{
    uint64_t root = 0;
    for (uint64_t bit = UINT64_C(1) << 31; bit != 0; bit >>= 1) {
        if ((root + bit) * (root + bit) <= x) {
            root += bit;
        }
    }
    return (uint32_t)root;
}

void mcuedit_clip(int32_t *v, uint32_t n, uint32_t clip)
{
    uint32_t all = 0, shift = 0;
    for (uint32_t i = 0; i < n; i++) {
        all |= (uint32_t)(v[i] < 0 ? -v[i] : v[i]);
    }
    for (; all >> shift >= UINT32_C(1) << 23; shift++) { /* 2^16 squares below 2^46 */
    }
    uint64_t sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        int64_t size = (v[i] < 0 ? -(int64_t)v[i] : v[i]) >> shift;
        sum += (uint64_t)(size * size);
    }
    uint64_t norm = square_root(sum);
    norm += norm * norm < sum; /* never too small */
    /* A shift drops less than 1 of each size, and with it less than sqrt(n) <= 256 of the norm. */
    norm = shift != 0 ? (norm + 256u) << shift : norm;
    if (norm <= clip) {
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        v[i] = (int32_t)((int64_t)v[i] * clip / (int64_t)norm); /* C99 rounds towards zero */
    }
}
