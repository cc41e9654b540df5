/* SPDX-License-Identifier: Apache-2.0 */
#include "strided.h"

bool mcuedit_loops_next(const int32_t *loops, uint32_t depth, mcuedit_at *at)
{
    loops += 3u * depth;
    while (depth-- != 0) {
        loops -= 3;
        at->a += loops[1];
        at->b += loops[2];
        if (++at->turns[depth] != loops[0]) {
            return true;
        }
        at->a -= loops[0] * loops[1];
        at->b -= loops[0] * loops[2];
        at->turns[depth] = 0;
    }
    return false;
}
