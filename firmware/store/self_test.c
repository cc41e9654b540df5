/* SPDX-License-Identifier: Apache-2.0 */
/* The inputs with known answers in a package: sparse, of a form that mcuedit_package_parse has checked. */
#include <stddef.h>

#include "../core/bytes.h"
#include "mcuedit/package.h"

enum { CASE_SIZE = 6, SKIP_ONLY = 255 };

int mcuedit_self_test_read(const mcuedit_package *package, uint8_t index, mcuedit_self_test_case *test)
{
    const uint8_t *at = package->self_test;
    if (at == NULL || index >= at[0]) {
        return 0;
    }
    for (at += 2; index != 0; index--) {
        at += CASE_SIZE + 2u * mcuedit_u16(at + 4);
    }
    *test = (mcuedit_self_test_case){
        .kind = at[0], .answer = mcuedit_u16(at + 2), .count = mcuedit_u16(at + 4), .steps = at + CASE_SIZE};
    return 1;
}

int mcuedit_self_test_expand(const mcuedit_self_test_case *test, int8_t *x, uint32_t size, int8_t zero_point)
{
    MCUEDIT_FILL(x, zero_point, size);
    const uint8_t *step = test->steps, *end = step + 2u * test->count;
    for (uint32_t at = 0; step != end; step += 2) {
        at += step[0];
        if (step[0] == SKIP_ONLY ? step[1] != 0 || step + 2 == end : at >= size) {
            return MCUEDIT_E_SELF_TEST;
        }
        if (step[0] != SKIP_ONLY) {
            x[at++] = mcuedit_i8(step + 1);
        }
    }
    return MCUEDIT_OK;
}
