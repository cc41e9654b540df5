/* SPDX-License-Identifier: Apache-2.0 */
/* Text features: SPEC.md, section 4. */
#include <stdbool.h>

#include "fixedpoint.h"
#include "mcuedit/mcuedit.h"

enum { STEP = 16, SHORT = 3 };

static const uint32_t fnv_basis = 2166136261u;

static uint32_t fnv(uint32_t hash, uint8_t byte)
{
    return (hash ^ byte) * 16777619u;
}

static uint8_t lower(char byte)
{
    return (uint8_t)(byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte);
}

static bool is_word_byte(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte >= 0x80;
}

static void contribute(int8_t *features, uint32_t n, uint32_t hash)
{
    int8_t *feature = &features[hash & (n - 1u)];
    *feature = (int8_t)mcuedit_clamp(*feature + (hash >> 31 ? -STEP : STEP), -127, 127);
}

static void add_word(int8_t *features, uint32_t n, const char *word, uint32_t length)
{
    uint32_t whole = fnv(fnv_basis, 'w');
    uint8_t before = 0, last = '^';
    for (uint32_t i = 0; i <= length; i++) {
        uint8_t byte = i < length ? lower(word[i]) : (uint8_t)'$';
        if (i != 0 && length > SHORT) {
            contribute(features, n, fnv(fnv(fnv(fnv_basis, before), last), byte));
        }
        if (i != length) {
            whole = fnv(whole, byte);
        }
        before = last;
        last = byte;
    }
    contribute(features, n, whole);
}

void mcuedit_text_features(const char *text, uint32_t length, int8_t *features, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        features[i] = 0;
    }
    uint32_t start = 0;
    for (uint32_t i = 0; i <= length; i++) {
        if (i < length && is_word_byte(lower(text[i]))) {
            continue;
        }
        if (i > start) {
            add_word(features, n, &text[start], i - start);
        }
        start = i + 1;
    }
}
