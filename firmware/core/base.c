/* SPDX-License-Identifier: Apache-2.0 */
#include "crc32.h"
#include "mcuedit/mcuedit.h"

int mcuedit_base_check(const mcuedit_base *base)
{
    uint32_t crc = 0;
    for (uint32_t i = 0; i < base->blob_count; i++) {
        crc = mcuedit_crc32(crc, base->blobs[i].bytes, base->blobs[i].size);
    }
    return crc == base->blobs_crc ? MCUEDIT_OK : MCUEDIT_E_BASE;
}
