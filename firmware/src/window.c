/* SPDX-License-Identifier: Apache-2.0 */
#include "window.h"

#include <stdbool.h>

/* Both return the end of what they wrote. A copy goes by words where a core can load them from any address. */
static int8_t *copy(int8_t *to, const int8_t *from, uint32_t size)
{
#ifdef __ARM_FEATURE_UNALIGNED
    for (; size >= 4u; size -= 4u, to += 4, from += 4) {
        uint32_t word;
        __builtin_memcpy(&word, from, sizeof(word));
        __builtin_memcpy(to, &word, sizeof(word));
    }
#endif
    for (; size != 0; size--) {
        *to++ = *from++;
    }
    return to;
}

static int8_t *fill(int8_t *to, int8_t value, uint32_t size)
{
    for (; size != 0; size--) {
        *to++ = value;
    }
    return to;
}

/* The taps of one line of the image, the first of them at column `left`. */
static int8_t *gather_line(const mcuedit_window *window, const int8_t *line, int32_t left, int8_t padding, int8_t *to)
{
    int32_t kernel = window->kernel_w, in_w = window->in_w;
    uint32_t in_c = window->in_c, dilation = window->dilation_w;
    if (dilation == 1) { /* those inside lie one after the other; at least one is: no padding is wider */
        int32_t before = left < 0 ? -left : 0, behind = left + kernel > in_w ? left + kernel - in_w : 0;
        to = fill(to, padding, (uint32_t)before * in_c);
        to = copy(to, line + (left + before) * (int32_t)in_c, (uint32_t)(kernel - before - behind) * in_c);
        return fill(to, padding, (uint32_t)behind * in_c);
    }
    for (uint32_t x = (uint32_t)left; kernel != 0; kernel--, x += dilation) { /* a negative one wraps beyond in_w */
        to = x < (uint32_t)in_w ? copy(to, line + x * in_c, in_c) : fill(to, padding, in_c);
    }
    return to;
}

/* Whether taps that are all inside lie one after the other: each line of them, and one line after the other. */
static bool is_contiguous(const mcuedit_window *window)
{
    return (window->kernel_w == 1 || window->dilation_w == 1) &&
           (window->kernel_h == 1 || (window->dilation_h == 1 && window->kernel_w == window->in_w));
}

static bool is_inside(int32_t first, uint32_t kernel, uint32_t dilation, uint32_t size)
{
    return first >= 0 && (uint32_t)first + (kernel - 1u) * dilation < size;
}

const int8_t *mcuedit_window_patch(const mcuedit_window *window, const int8_t *image, uint32_t out_y, uint32_t out_x,
                                   int8_t padding, int8_t *patch)
{
    uint32_t line_size = (uint32_t)window->in_w * window->in_c;
    int32_t top = (int32_t)(out_y * window->stride_h) - window->pad_top;
    int32_t left = (int32_t)(out_x * window->stride_w) - window->pad_left;
    if (is_contiguous(window) && is_inside(top, window->kernel_h, window->dilation_h, window->in_h) &&
        is_inside(left, window->kernel_w, window->dilation_w, window->in_w)) {
        return image + (uint32_t)top * line_size + (uint32_t)left * window->in_c;
    }
    int8_t *to = patch;
    uint32_t y = (uint32_t)top;
    for (uint32_t i = window->kernel_h; i != 0; i--, y += window->dilation_h) {
        to = y < window->in_h ? gather_line(window, image + y * line_size, left, padding, to)
                              : fill(to, padding, (uint32_t)window->kernel_w * window->in_c);
    }
    return patch;
}
