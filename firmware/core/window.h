/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUEDIT_WINDOW_H
#define MCUEDIT_WINDOW_H

#include "mcuedit/mcuedit.h"

/*
 * The elements under the window at output position (out_y, out_x) of one image, in the order kernel_h, kernel_w, in_c;
 * elements beyond the image are `padding`. Where they lie one after the other in the image already, the result points
 * there; else they are gathered into `patch`, kernel_h * kernel_w * in_c bytes, and that is the result.
 */
const int8_t *mcuedit_window_patch(const mcuedit_window *window, const int8_t *image, uint32_t out_y, uint32_t out_x,
                                   int8_t padding, int8_t *patch);

#endif
