/* SPDX-License-Identifier: Apache-2.0 */
/* Adapters: any bytes are refused or can be run. Most mutants get a header and a CRC that let them through to more. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes = exact_copy(data, size);
    mcuedit_adapter adapter;
    if (mcuedit_adapter_open(&adapter, fuzz_base, bytes, (uint32_t)size) == MCUEDIT_OK) {
        infer_with(&adapter);
    }
    free(bytes);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    size = LLVMFuzzerMutate(data, size, max_size);
    if (size >= 20 && draw(&seed) % 8 != 0) {
        size &= ~(size_t)3;
        mend_adapter(data, size);
    }
    return size;
}
