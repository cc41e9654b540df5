/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks an update package (SPEC.md, section 7). Its form leaves no choice but the sizes of payload and name, so all
 * fields have a place that follows from the two; whatever else stands there is refused before a byte of it is believed.
 */
#include <stdbool.h>
#include <stddef.h>

#include "../core/delta.h"
#include "mcuedit/package.h"
#include "signer.h"

#define IMAGE_MAGIC  0x96F3B83Du
#define NON_BOOTABLE 0x10u

enum {
    IMAGE_LOAD_ADDRESS = 4,
    IMAGE_HEADER_SIZE = 8,
    IMAGE_PROTECTED_SIZE = 10,
    IMAGE_PAYLOAD_SIZE = 12,
    IMAGE_FLAGS = 16,
    IMAGE_VERSION = 20,
    IMAGE_PAD = 28,
};

/* Where the values of the TLVs stand in their area: the protected one, which the name adds to, and the other one. */
enum {
    COUNTER = 8,
    BASE = 16,
    MANIFEST = 52,
    PROTECTED_SIZE = 84,
    DIGEST = 8,
    KEY_HASH = 44,
    SIGNATURE = 80,
    UNPROTECTED_SIZE = 144,
};

/* What an area starts with, as if it were a TLV; the types of TLVs are below it. */
enum { AREA = 0x6900 };

/* All TLVs, in order. */
static const struct {
    uint16_t type;
    uint8_t length;
    uint8_t has_name; /* what the name adds to */
} tlvs[] = {
    {0x6908, PROTECTED_SIZE, 1},   {0x50, 4, 0},  {0xA0, 32, 0}, {0xA1, 32, 1},
    {0x6907, UNPROTECTED_SIZE, 0}, {0x10, 32, 0}, {0x01, 32, 0}, {0x24, 64, 0},
};

enum { CASE_SIZE = 6, CASES_MAX = 4 };

#if MCUEDIT_PACKAGE_OVERHEAD != 260
#error "the sizes above say otherwise"
#endif

/* Are the TLVs at `at` (any address) those of a package, with a name of that length? */
static bool are_tlvs(const uint8_t *at, uint32_t name_length)
{
    for (uint32_t i = 0; i < sizeof(tlvs) / sizeof(tlvs[0]); i++) {
        uint32_t type = tlvs[i].type, length = tlvs[i].length + (tlvs[i].has_name ? name_length : 0);
        if ((uint32_t)(at[0] | at[1] << 8) != type || (uint32_t)(at[2] | at[3] << 8) != length) {
            return false;
        }
        at += 4 + (type < AREA ? length : 0);
    }
    return true;
}

static bool is_name(const uint8_t *name, uint32_t length)
{
    for (const uint8_t *end = name + length; name != end; name++) {
        uint32_t c = *name;
        if (c - 'a' >= 26 && c - '0' >= 10 && c - '-' >= 2 && c != '_') {
            return false;
        }
    }
    return true;
}

static MCUEDIT_NOINLINE bool is_self_test(const uint8_t *at, const uint8_t *end)
{
    uint32_t count = at[0];
    if (count - 1u >= CASES_MAX || at[1] != 0) {
        return false;
    }
    for (at += 2; count != 0; count--) {
        if (end - at < CASE_SIZE || at[0] - 1u >= MCUEDIT_SELF_TEST_UNCHANGED || at[1] != 0) {
            return false;
        }
        uint32_t steps = mcuedit_u16(at + 4);
        at += CASE_SIZE;
        if ((uint32_t)(end - at) < 2u * steps) {
            return false;
        }
        at += 2u * steps;
    }
    return end - at == 0 || (end - at == 2 && at[0] == 0 && at[1] == 0);
}

/* The header alone, and that `size` is what it says. */
static int check_header(const uint8_t *header, uint32_t size)
{
    uint32_t payload = mcuedit_u32(header + IMAGE_PAYLOAD_SIZE), area = mcuedit_u16(header + IMAGE_PROTECTED_SIZE);
    if (mcuedit_u32(header) != IMAGE_MAGIC) {
        return MCUEDIT_E_MAGIC;
    }
    if (mcuedit_u32(header + IMAGE_LOAD_ADDRESS) != 0 ||
        mcuedit_u16(header + IMAGE_HEADER_SIZE) != MCUEDIT_PACKAGE_HEADER_SIZE ||
        mcuedit_u32(header + IMAGE_FLAGS) != NON_BOOTABLE || mcuedit_u32(header + IMAGE_PAD) != 0 ||
        area - PROTECTED_SIZE - 1u >= MCUEDIT_PACKAGE_NAME_MAX || (payload & 3u) != 0) {
        return MCUEDIT_E_FORM;
    }
    return size - MCUEDIT_PACKAGE_HEADER_SIZE - UNPROTECTED_SIZE - area != payload ? MCUEDIT_E_SIZE : MCUEDIT_OK;
}

int mcuedit_package_parse(mcuedit_package *package, const void *bytes, uint32_t size)
{
    const uint8_t *header = bytes, *payload = header + MCUEDIT_PACKAGE_HEADER_SIZE;
    if (((uintptr_t)bytes & 3u) != 0) {
        return MCUEDIT_E_ALIGN;
    }
    if (size < MCUEDIT_PACKAGE_OVERHEAD + ADAPTER_HEADER_SIZE) {
        return MCUEDIT_E_SIZE;
    }
    int err = check_header(header, size);
    if (err) {
        return err;
    }
    uint32_t area = mcuedit_u16(header + IMAGE_PROTECTED_SIZE), name_length = area - PROTECTED_SIZE;
    uint32_t adapter_size = 4u * mcuedit_u16(payload + ADAPTER_WORDS);
    const uint8_t *tail = header + size - UNPROTECTED_SIZE, *end = tail - area; /* of the payload */
    const uint8_t *name = tail - name_length, *self_test = payload + adapter_size;
    if (!are_tlvs(end, name_length) || !is_name(name, name_length) || adapter_size < ADAPTER_HEADER_SIZE ||
        adapter_size > (uint32_t)(end - payload) || (self_test != end && !is_self_test(self_test, end))) {
        return MCUEDIT_E_FORM;
    }
    *package = (mcuedit_package){.bytes = header,
                                 .size = size,
                                 .adapter = payload,
                                 .adapter_size = adapter_size,
                                 .self_test = self_test != end ? self_test : NULL,
                                 .counter = mcuedit_u32(end + COUNTER),
                                 .version = header + IMAGE_VERSION,
                                 .name = name,
                                 .name_length = (uint8_t)name_length,
                                 .base = end + BASE,
                                 .manifest = end + MANIFEST,
                                 .digest = tail + DIGEST,
                                 .key_hash = tail + KEY_HASH,
                                 .signature = tail + SIGNATURE};
    return MCUEDIT_OK;
}

/* Is it by one of the trusted keys? */
static int check_signer(const mcuedit_package *package, const mcuedit_trust *trust)
{
    static const uint8_t prefix[12] = MCUEDIT_KEY_PREFIX;
    struct {
        uint8_t prefix[12], key[32];
    } info;
    uint8_t digest[32];
    MCUEDIT_COPY(info.prefix, prefix, sizeof(prefix));
    for (uint32_t i = 0; i < trust->key_count; i++) {
        MCUEDIT_COPY(info.key, trust->keys[i], sizeof(info.key));
        trust->sha256(trust->context, &info, sizeof(info), digest);
        if (MCUEDIT_COMPARE(digest, package->key_hash, sizeof(digest)) == 0) {
            return trust->verify(trust->context, info.key, package->signature, package->digest, 32)
                       ? MCUEDIT_E_SIGNATURE
                       : MCUEDIT_OK;
        }
    }
    return MCUEDIT_E_KEY;
}

int mcuedit_package_check(mcuedit_package *package, const mcuedit_trust *trust, const mcuedit_base *base,
                          const void *bytes, uint32_t size)
{
    uint8_t digest[32];
    int err = mcuedit_package_parse(package, bytes, size);
    if (err) {
        return err;
    }
    trust->sha256(trust->context, bytes, size - UNPROTECTED_SIZE, digest);
    if (MCUEDIT_COMPARE(digest, package->digest, sizeof(digest)) != 0) {
        return MCUEDIT_E_HASH;
    }
    bool unsigned_too = false;
#if MCUEDIT_STORE_DEVELOPMENT
    unsigned_too = trust->key_count == 0;
#endif
    err = unsigned_too ? MCUEDIT_OK : check_signer(package, trust);
    if (err) {
        return err;
    }
    return MCUEDIT_COMPARE(package->base, base->sha256, sizeof(base->sha256)) == 0 ? MCUEDIT_OK : MCUEDIT_E_BASE;
}
