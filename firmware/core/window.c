/* SPDX-License-Identifier: Apache-2.0 */
#include "window.h"

#include "mcuedit/compiler.h"

#include <stdbool.h>

/* Both return the end of what they wrote. A copy goes by words where a core can load them from any address. */
static int8_t *copy(int8_t *to, const int8_t *from, uint32_t size)
{
#ifdef __ARM_FEATURE_UNALIGNED
    for (; size >= 4u; size -= 4u, to += 4, from += 4) {
        uint32_t word;
        MCUEDIT_COPY(&word, from, sizeof(word));
        MCUEDIT_COPY(to, &word, sizeof(word));
    }
#endif
    for (; size != 0; size--) {
        *to++ = *from++;
    }
    return to;
}

static int8_t *fill(int8_t *to, int8_t value, uint32_t size)
{
    for (int8_t *end = to + size; to != end;) {
        *to++ = value;
    }
    return to;
}

static bool is_inside(int32_t first, uint32_t kernel, uint32_t dilation, uint32_t size)
{
    return first >= 0 && (uint32_t)first + (kernel - 1u) * dilation < size;
}

const int8_t *mcuedit_window_patch(const mcuedit_window *window, const int8_t *image, uint32_t out_y, uint32_t out_x,
                                   int8_t padding, int8_t *patch)
{
    int32_t top = (int32_t)(out_y * window->stride_h) - window->pad_top;
    int32_t left = (int32_t)(out_x * window->stride_w) - window->pad_left;
    uint32_t elements = window->kernel_w, size = window->in_c;
    if ((elements == 1u || window->dilation_w == 1u) && is_inside(left, elements, window->dilation_w, window->in_w)) {
        bool whole = window->kernel_h == 1u || (window->dilation_h == 1u && elements == window->in_w);
        if (whole && is_inside(top, window->kernel_h, window->dilation_h, window->in_h)) {
            return image + ((uint32_t)top * window->in_w + (uint32_t)left) * size;
        }
        size *= elements; /* those of a line lie one after the other: they are copied as one */
        elements = 1;
    }
    int8_t *to = patch;
    uint32_t y = (uint32_t)top; /* a negative one wraps beyond in_h */
    for (uint32_t i = window->kernel_h; i != 0; i--, y += window->dilation_h) {
        uint32_t x = (uint32_t)left;
        for (uint32_t j = elements; j != 0; j--, x += window->dilation_w) {
            to = y < window->in_h && x < window->in_w ? copy(to, image + (y * window->in_w + x) * window->in_c, size)
                                                      : fill(to, padding, size);
        }
    }
    return patch;
}
