/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads an adapter: every byte and bound of SPEC.md, section 3 is checked here, once, so that an inference checks
 * nothing. No field is used before the bytes that it implies are known to be there.
 *
 * Two of the functions are kept out of line: inlined, they leave so few registers that the code grows.
 */
#include <stdbool.h>
#include <stddef.h>

#include "crc32.h"
#include "delta.h"
#include "dot.h"
#include "mcuedit/mcuedit.h"

/* Its words are compared, on cores that read them only where they are aligned. */
MCUEDIT_STATIC_ASSERT(offsetof(mcuedit_base, sha256) % 4 == 0, the_identity_of_a_base_is_at_a_word);

static bool is_scale(int32_t multiplier, int32_t shift)
{
    return (multiplier == 0 || (uint32_t)multiplier >> 30 == 1) && (uint32_t)-shift <= 31;
}

static bool are_zero(const uint8_t *from, const uint8_t *end)
{
    while (from != end) {
        if (*from++ != 0) {
            return false;
        }
    }
    return true;
}

/* Is the whole input one row? */
static bool is_single(const mcuedit_op *op)
{
    return op->positions == 1 && op->window == NULL;
}

/* Its zero point is not looked at: it is in c already, and these rows have no padding. */
bool mcuedit_adapter_fits_output(const uint8_t *delta, const mcuedit_op *op)
{
    return op->serves_output && (delta[DELTA_FLAGS] & DELTA_WINDOWS) == 0 &&
           mcuedit_u16(delta + DELTA_N_IN) == op->n_out &&
           mcuedit_u16(delta + DELTA_TAP) == (mcuedit_u16(delta + DELTA_TARGET) | DELTA_TAP_OUTPUT);
}

/* Does the tap, the input of `from`, fit a target `to`? */
static bool fits_input(const uint8_t *delta, const mcuedit_op *from, const mcuedit_op *to)
{
    bool whole = (delta[DELTA_FLAGS] & DELTA_WINDOWS) == 0; /* windows are checked where they stand: in A */
    return (!whole || mcuedit_u16(delta + DELTA_N_IN) == from->n_in) &&
           (from == to || (is_single(from) && is_single(to))) && delta[DELTA_ZX] == (uint8_t)from->input_zero_point;
}

/* Does the delta fit the ops of the base that it names? One that carries none has neither positions nor outputs. */
static bool fits(const uint8_t *delta, const mcuedit_base *base)
{
    uint32_t tap = mcuedit_u16(delta + DELTA_TAP), target = mcuedit_u16(delta + DELTA_TARGET);
    if (target >= base->op_count) {
        return false;
    }
    const mcuedit_op *to = &base->ops[target];
    if (tap <= target ? !fits_input(delta, &base->ops[tap], to)
                      : base->fits_output == NULL || !base->fits_output(delta, to)) {
        return false;
    }
    uint32_t n_rows = mcuedit_u16(delta + DELTA_N_ROWS), n_out = to->n_out;
    return n_rows - 1u < n_out && (n_rows == n_out || (delta[DELTA_FLAGS] & DELTA_DENSE) == 0) &&
           delta[DELTA_ACT_LO] == (uint8_t)to->act_lo && delta[DELTA_ACT_HI] == (uint8_t)to->act_hi;
}

/* Row indices ascend and exist. */
static int check_rows(const uint8_t *row, const uint8_t *end, uint32_t n_out)
{
    for (uint32_t lowest = 0; row != end; row += 2) {
        uint32_t index = mcuedit_u16(row);
        if (index >= n_out) {
            return MCUEDIT_E_GEOMETRY;
        }
        if (index < lowest) {
            return MCUEDIT_E_FIELD;
        }
        lowest = index + 1;
    }
    return MCUEDIT_OK;
}

static uint32_t absolute(int32_t x)
{
    return x < 0 ? 0u - (uint32_t)x : (uint32_t)x;
}

/*
 * A row of A with the c that belongs to it: its window in a row of `width` elements, if it has one, its values, and
 * that neither order of summation leaves int32. With at most 65,535 values of 127 no sum here leaves 32 bits: where the
 * folded bound holds, c + zx * sum fits too.
 */
static MCUEDIT_NOINLINE int check_factor(const uint8_t *delta, const uint8_t *a, int32_t c, uint32_t width)
{
    uint32_t n_in = mcuedit_u16(delta + DELTA_N_IN), magnitude = 0;
    uint32_t int4 = delta[DELTA_FLAGS] / DELTA_INT4 & 1u;
    if ((delta[DELTA_FLAGS] & DELTA_WINDOWS) != 0) {
        uint32_t n = mcuedit_u16(a + WINDOW_WIDTH);
        if (((n_in & 3u) | (n + ((uint32_t)WINDOW_HEADER_SIZE << int4) - n_in)) != 0 ||
            mcuedit_u16(a + WINDOW_FIRST) + n > width) {
            return MCUEDIT_E_GEOMETRY;
        }
        n_in = n;
        a += WINDOW_HEADER_SIZE;
    }
    int32_t zx = mcuedit_i8(delta + DELTA_ZX), lowest = int4 ? -7 : -127, sum = 0;
    for (uint32_t j = 0; j < n_in + (int4 & n_in); j++) { /* with the nibble that fills the last byte */
        int32_t value = int4 ? mcuedit_nibble(a, j) : mcuedit_i8(a + j);
        if (value < lowest || (j == n_in && value != 0)) {
            return MCUEDIT_E_FIELD;
        }
        sum += value;
        magnitude += absolute(value);
    }
    uint32_t span = 128u + (uint32_t)(zx ^ (zx >> 31));            /* 127 - zx or zx + 128, the larger one */
    int32_t plain = (int32_t)((uint32_t)c + (uint32_t)(zx * sum)); /* wraps only where the folded bound is broken */
    uint32_t bounds = (absolute(c) + 128u * magnitude) | (absolute(plain) + span * magnitude);
    return bounds > INT32_MAX ? MCUEDIT_E_BOUND : MCUEDIT_OK;
}

static int check_factors(const uint8_t *delta, const uint8_t *rows, const uint8_t *s, const mcuedit_base *base)
{
    uint32_t rank = delta[DELTA_RANK], pitch = mcuedit_delta_pitch(delta);
    uint32_t tap = mcuedit_u16(delta + DELTA_TAP) & ~(uint32_t)DELTA_TAP_OUTPUT; /* the op; windows are of its input */
    uint32_t width = base->ops[tap].n_in;
    const uint8_t *c = delta + DELTA_C, *a = c + 8u * rank;
    for (uint32_t k = 0; k < rank; k++, a += pitch, c += 4) {
        if (!is_scale(mcuedit_i32(c + 4u * rank), mcuedit_i8(s + k))) {
            return MCUEDIT_E_FIELD;
        }
        int err = check_factor(delta, a, mcuedit_i32(c), width);
        if (err) {
            return err;
        }
    }
    const uint8_t *b = s + rank;
    for (const uint8_t *end = b + mcuedit_u16(delta + DELTA_N_ROWS) * rank; b != end; b++) {
        if (mcuedit_i8(b) == INT8_MIN) {
            return MCUEDIT_E_FIELD;
        }
    }
    return are_zero(a, rows) && are_zero(b, mcuedit_delta_next(delta)) ? MCUEDIT_OK : MCUEDIT_E_FIELD;
}

static MCUEDIT_NOINLINE int check_delta(const uint8_t *delta, const uint8_t *end, const mcuedit_base *base)
{
    uint32_t left = (uint32_t)(end - delta);
    if (left < DELTA_HEADER_SIZE) {
        return MCUEDIT_E_SIZE;
    }
    uint32_t rank = delta[DELTA_RANK];
    if (rank == 0 || delta[DELTA_FLAGS] >= 2 * DELTA_CONDITIONAL ||
        !is_scale(mcuedit_i32(delta + DELTA_MULTIPLIER), mcuedit_i8(delta + DELTA_SHIFT))) {
        return MCUEDIT_E_FIELD;
    }
    if (!fits(delta, base)) {
        return MCUEDIT_E_GEOMETRY;
    }
    uint32_t s = mcuedit_delta_s(delta), rows = s - mcuedit_delta_rows_size(delta);
    uint32_t factors = s + (1u + mcuedit_u16(delta + DELTA_N_ROWS)) * rank; /* at most 34 million */
    uint32_t size = 4u * mcuedit_u16(delta + DELTA_WORDS);
    if (size > left || size != ((factors + 3u) & ~3u)) {
        return MCUEDIT_E_SIZE;
    }
    int err = check_rows(delta + rows, delta + s, base->ops[mcuedit_u16(delta + DELTA_TARGET)].n_out);
    return err ? err : check_factors(delta, delta + rows, delta + s, base);
}

/* Checks the deltas and sums them up in `view`. Leaves `view->labels` behind the last one. */
static int check_deltas(mcuedit_adapter *view)
{
    const uint8_t *delta = view->deltas;
    uint32_t order = 0;
    for (uint32_t i = 0; i < view->delta_count; i++) {
        int err = check_delta(delta, view->end, view->base);
        if (err) {
            return err;
        }
        uint32_t tap = mcuedit_u16(delta + DELTA_TAP), target = mcuedit_u16(delta + DELTA_TARGET);
        if ((target << 16 | tap) < order) {
            return MCUEDIT_E_FIELD;
        }
        order = target << 16 | tap;
        view->rank = (uint16_t)(view->rank + delta[DELTA_RANK]); /* fits: a factor takes 10 bytes or more of 2^18 */
        if (tap == target) {
            view->ops.own |= UINT32_C(1) << (tap & 31u);
        } else {
            view->ops.tapped |= UINT32_C(1) << (tap & 31u);
            view->ops.targeted |= UINT32_C(1) << (target & 31u);
        }
        delta = mcuedit_delta_next(delta);
    }
    view->labels = delta;
    return MCUEDIT_OK;
}

/* Well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF. */
static bool is_utf8(const uint8_t *p, const uint8_t *end)
{
    while (p != end) {
        uint32_t code = *p++, stop = 0x40;
        if (code < 0x80) {
            continue;
        }
        if (code - 0xC2u > 0xF4u - 0xC2u) { /* C0 and C1 start overlong forms; F5..FF: too large */
            return false;
        }
        do { /* a byte for each 1 at the start of the first */
            uint32_t more = p == end ? 0 : *p++;
            if (more >> 6 != 2) {
                return false;
            }
            code = code << 6 | (more & 0x3Fu);
            stop <<= 5;
        } while ((code & stop) != 0);
        code &= stop - 1u;
        if (code < stop >> 5 /* of three and four bytes */ || code >> 11 == 0xD800 >> 11 || code > 0x10FFFF) {
            return false;
        }
    }
    return true;
}

static MCUEDIT_NOINLINE int check_labels(const uint8_t *label, const uint8_t *end, uint32_t classes)
{
    uint32_t lowest = 0;
    while (end - label >= 4) {
        uint32_t index = mcuedit_label_class(label), length = label[2];
        if (index < lowest || index >= classes || length == 0 || length > (uint32_t)(end - label) - 3u ||
            !is_utf8(label + 3, label + 3 + length)) {
            return MCUEDIT_E_LABEL;
        }
        lowest = index + 1;
        label += 3 + length;
    }
    return are_zero(label, end) ? MCUEDIT_OK : MCUEDIT_E_LABEL;
}

uint32_t mcuedit_adapter_size(const void *bytes)
{
    const uint32_t magic = 'M' | 'C' << 8 | 'E' << 16 | MCUEDIT_FORMAT << 24;
    const uint8_t *header = bytes;
    return mcuedit_u32(header) == magic ? 4u * mcuedit_u16(header + ADAPTER_WORDS) : 0;
}

int mcuedit_adapter_open(mcuedit_adapter *adapter, const mcuedit_base *base, const void *bytes, uint32_t size)
{
    const uint8_t *header = bytes;
    if (((uintptr_t)bytes & 3u) != 0) {
        return MCUEDIT_E_ALIGN;
    }
    if (size < ADAPTER_HEADER_SIZE) {
        return MCUEDIT_E_SIZE;
    }
    uint32_t stated = mcuedit_adapter_size(bytes);
    if (stated == 0) {
        return MCUEDIT_E_MAGIC;
    }
    if (size != stated) {
        return MCUEDIT_E_SIZE;
    }
    uint32_t crc = mcuedit_crc32(0, header, ADAPTER_CRC);
    crc = mcuedit_crc32(crc, header + ADAPTER_HEADER_SIZE, size - ADAPTER_HEADER_SIZE);
    if (crc != mcuedit_u32(header + ADAPTER_CRC)) {
        return MCUEDIT_E_CRC;
    }
    const uint8_t *id = header + ADAPTER_BASE_ID;
    if (mcuedit_u32(id) != mcuedit_u32(base->sha256) || mcuedit_u32(id + 4) != mcuedit_u32(base->sha256 + 4)) {
        return MCUEDIT_E_BASE;
    }
    mcuedit_adapter view = {.base = base,
                            .deltas = header + ADAPTER_HEADER_SIZE,
                            .end = header + size,
                            .delta_count = mcuedit_u16(header + ADAPTER_COUNT)};
    if (view.delta_count == 0) {
        return MCUEDIT_E_FIELD;
    }
    int err = check_deltas(&view);
    if (!err) {
        err = check_labels(view.labels, view.end, base->output_size);
    }
    if (!err) {
        *adapter = view;
    }
    return err;
}
