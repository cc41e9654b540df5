/* SPDX-License-Identifier: Apache-2.0 */
/* The inputs with known answers in a package: sparse, of a form that mcuedit_package_parse has checked. */
#include <stddef.h>

#include "../core/bytes.h"
#include "mcuedit/package.h"

enum { PROBE_SIZE = 6, SKIP_ONLY = 255 };

int mcuedit_probe_read(const mcuedit_package *package, uint8_t index, mcuedit_probe_input *probe)
{
    const uint8_t *at = package->probes;
    if (at == NULL || index >= at[0]) {
        return 0;
    }
    for (at += 2; index != 0; index--) {
        at += PROBE_SIZE + 2u * mcuedit_u16(at + 4);
    }
    *probe = (mcuedit_probe_input){
        .kind = at[0], .answer = mcuedit_u16(at + 2), .count = mcuedit_u16(at + 4), .steps = at + PROBE_SIZE};
    return 1;
}

int mcuedit_probe_expand(const mcuedit_probe_input *probe, int8_t *x, uint32_t size, int8_t zero_point)
{
    __builtin_memset(x, zero_point, size);
    const uint8_t *step = probe->steps, *end = step + 2u * probe->count;
    for (uint32_t at = 0; step != end; step += 2) {
        at += step[0];
        if (step[0] == SKIP_ONLY ? step[1] != 0 || step + 2 == end : at >= size) {
            return MCUEDIT_E_PROBE;
        }
        if (step[0] != SKIP_ONLY) {
            x[at++] = mcuedit_i8(step + 1);
        }
    }
    return MCUEDIT_OK;
}
