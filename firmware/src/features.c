/* SPDX-License-Identifier: Apache-2.0 */
/* Text features: SPEC.md, section 4. */
#include <stdbool.h>

#include "fixedpoint.h"
#include "mcuedit/mcuedit.h"

enum { STEP = 16 };

static const uint32_t fnv_basis = 2166136261u;

static uint32_t fnv(uint32_t hash, uint8_t byte)
{
    return (hash ^ byte) * 16777619u;
}

static void contribute(int8_t *features, uint32_t n, uint32_t hash)
{
    int8_t *feature = &features[hash & (n - 1u)];
    *feature = (int8_t)mcuedit_clamp(*feature + (hash >> 31 ? -STEP : STEP), -127, 127);
}

static bool is_word_byte(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte >= 0x80;
}

void mcuedit_text_features(const char *text, uint32_t length, int8_t *features, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        features[i] = 0;
    }
    uint8_t before = 0, last = 0; /* the two bytes before this one in the framed word; last == 0: outside of words */
    uint32_t word = 0;
    for (uint32_t i = 0; i <= length; i++) {
        uint8_t byte = i < length ? (uint8_t)text[i] : (uint8_t)' ';
        if (byte >= 'A' && byte <= 'Z') {
            byte = (uint8_t)(byte | 0x20);
        }
        bool inside = is_word_byte(byte);
        if (inside && last == 0) {
            last = '^';
            before = 0;
            word = fnv(fnv_basis, 'w');
        } else if (last == 0) {
            continue;
        }
        if (before != 0) {
            contribute(features, n, fnv(fnv(fnv(fnv_basis, before), last), inside ? byte : (uint8_t)'$'));
        }
        if (!inside) {
            contribute(features, n, word);
            last = 0;
            continue;
        }
        word = fnv(word, byte);
        before = last;
        last = byte;
    }
}
