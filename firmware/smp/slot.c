/* SPDX-License-Identifier: Apache-2.0 */
/* What there is to say about a slot. */
#include "slot.h"

int mcuedit_smp_read_slot(const mcuedit_store *store, uint32_t slot, mcuedit_smp_slot *view)
{
    if (slot > UINT8_MAX) {
        return MCUEDIT_E_FIELD;
    }
    int err = mcuedit_store_slot_info(store, (uint8_t)slot, &view->info);
    view->is_package = !err && view->info.state != MCUEDIT_SLOT_EMPTY && !view->info.local &&
                       mcuedit_package_parse(&view->package, view->info.bytes, view->info.size) == MCUEDIT_OK;
    return err;
}

static char *put_number(char *to, uint32_t value)
{
    char digits[10];
    uint32_t count = 0;
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    while (count > 0) {
        *to++ = digits[--count];
    }
    return to;
}

uint32_t mcuedit_smp_version(const mcuedit_package *package, char separator, char text[MCUEDIT_SMP_VERSION_MAX])
{
    const uint8_t *version = package->version;
    uint32_t build =
        (uint32_t)version[4] | (uint32_t)version[5] << 8 | (uint32_t)version[6] << 16 | (uint32_t)version[7] << 24;
    char *end = put_number(text, version[0]);
    *end++ = '.';
    end = put_number(end, version[1]);
    *end++ = '.';
    end = put_number(end, (uint32_t)version[2] | (uint32_t)version[3] << 8);
    if (build != 0) {
        *end++ = separator;
        end = put_number(end, build);
    }
    return (uint32_t)(end - text);
}
