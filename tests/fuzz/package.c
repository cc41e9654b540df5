/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packages, with a hash and a signature that always fit: what a signer's mistake, or a stolen key, could send. Most
 * mutants are put into a well-formed container again.
 */
#include "fuzz.h"
#include "mcuedit/package.h"

enum { HEADER = 32, FIXED = 84, TAIL = 144, NAME_MAX = 24, INPUT_SIZE = 16 };

typedef struct {
    const uint8_t *bytes;
    uint32_t size;
} given;

/* Of the package: what it says itself. Of a key: that it is the signer's. */
static void sha256(void *context, const void *bytes, uint32_t size, uint8_t digest[32])
{
    const given *whole = context;
    uint32_t sum = 0;
    for (uint32_t i = 0; i < size; i++) { /* reads it all, as a hash does */
        sum += ((const uint8_t *)bytes)[i];
    }
    digest[0] = (uint8_t)sum;
    memcpy(digest, whole->bytes + whole->size - TAIL + (bytes == whole->bytes ? 8 : 44), 32);
}

static int verify(void *context, const uint8_t key[32], const uint8_t signature[64], const void *message, uint32_t size)
{
    uint8_t seen[32 + 64 + 32];
    (void)context;
    REQUIRE(size == 32);
    memcpy(seen, key, 32);
    memcpy(seen + 32, signature, 64);
    memcpy(seen + 96, message, 32);
    return 0;
}

static void run_self_test(const mcuedit_package *package)
{
    mcuedit_self_test_case test;
    uint8_t i = 0;
    for (; mcuedit_self_test_read(package, i, &test); i++) {
        int8_t *x = malloc(INPUT_SIZE);
        mcuedit_self_test_expand(&test, x, INPUT_SIZE, 0);
        free(x);
    }
    REQUIRE((package->self_test == NULL) == (i == 0) && i <= 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t keys[2][32];
    uint8_t *bytes = exact_copy(data, size);
    given whole = {bytes, (uint32_t)size};
    const mcuedit_trust trust = {&whole, keys, 2, sha256, verify};
    mcuedit_package package;
    mcuedit_adapter adapter;
    if (mcuedit_package_check(&package, &trust, fuzz_base, bytes, (uint32_t)size) == MCUEDIT_OK) {
        REQUIRE(package.size == size && package.signature + 64 == bytes + size);
        REQUIRE(package.name_length >= 1 && package.name_length <= NAME_MAX);
        run_self_test(&package);
        if (mcuedit_adapter_open(&adapter, fuzz_base, package.adapter, package.adapter_size) == MCUEDIT_OK) {
            infer_with(&adapter);
        }
    }
    free(bytes);
    return 0;
}

static void put(uint8_t *at, uint32_t value, size_t size)
{
    memcpy(at, &value, size);
}

/* Mutates the payload of a package, which ends at `end`; its new size. At most `capacity` bytes. */
static size_t mutate_payload(uint8_t *payload, size_t size, size_t capacity, unsigned *seed)
{
    size_t adapter = size >= 20 ? 4u * (payload[6] | (size_t)payload[7] << 8) : 0;
    if (adapter >= 20 && adapter <= size && draw(seed) % 2 == 0) { /* the self-test alone */
        return adapter + LLVMFuzzerMutate(payload + adapter, size - adapter, capacity - adapter);
    }
    size = LLVMFuzzerMutate(payload, size, capacity);
    adapter = size >= 20 ? 4u * (payload[6] | (size_t)payload[7] << 8) : 0;
    if (size >= 20 && draw(seed) % 8 != 0) {
        mend_adapter(payload, adapter >= 20 && adapter <= size ? adapter : size & ~(size_t)3);
    }
    return size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    static uint8_t end[FIXED + NAME_MAX + TAIL], payload[1 << 16];
    if (size < HEADER + FIXED + 1 + TAIL || draw(&seed) % 4 == 0) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    uint32_t area = data[10] | (uint32_t)data[11] << 8;
    area = area > FIXED && area <= FIXED + NAME_MAX && area + HEADER + TAIL <= size ? area : FIXED + 1;
    size_t capacity = max_size - HEADER - area - TAIL, length = size - HEADER - area - TAIL;
    capacity = capacity < sizeof(payload) ? capacity : sizeof(payload);
    length = length < capacity ? length : capacity;
    memcpy(end, data + size - TAIL - area, area + TAIL);
    memcpy(payload, data + HEADER, length);
    length = mutate_payload(payload, length, capacity, &seed);
    while (length % 4 != 0 && length < capacity) {
        payload[length++] = 0;
    }
    memcpy(end + 16, fuzz_base->sha256, MCUEDIT_BASE_SIZE);
    memcpy(data + HEADER, payload, length);
    memcpy(data + HEADER + length, end, area + TAIL);
    put(data + 12, (uint32_t)length, 4);
    return HEADER + length + area + TAIL;
}
