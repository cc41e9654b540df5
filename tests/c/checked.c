/* SPDX-License-Identifier: Apache-2.0 */
#include "checked.h"

#include "base.h"
#include "mcuedit/crypto.h"
#include "mcuedit/package.h"

static int8_t input[CHECKED_INPUT_SIZE];

int checked(const uint8_t *keys, uint32_t key_count, const void *bytes, uint32_t size)
{
    const mcuedit_trust trust = {.keys = (const uint8_t (*)[32])keys,
                                 .key_count = (uint8_t)key_count,
                                 .sha256 = mcuedit_sha256_of,
                                 .verify = mcuedit_ed25519_check};
    mcuedit_package package;
    mcuedit_adapter adapter;
    mcuedit_self_test_case test;
    int err = mcuedit_package_check(&package, &trust, &checked_base, bytes, size);
    if (!err) {
        err = mcuedit_adapter_open(&adapter, &checked_base, package.adapter, package.adapter_size);
    }
    for (uint8_t i = 0; !err && mcuedit_self_test_read(&package, i, &test); i++) {
        err = mcuedit_self_test_expand(&test, input, sizeof(input), 0);
    }
    return err;
}
