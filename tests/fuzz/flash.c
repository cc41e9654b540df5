/* SPDX-License-Identifier: Apache-2.0 */
#include "flash.h"

#include "mcuedit/crypto.h"
#include "key.h"
#include "model.h"

_Alignas(8) uint8_t flash_memory[FLASH_SIZE];
static flash_model flash = {.part = {.program_unit = UNIT,
                                     .erase_page = PAGE,
                                     .slot_size = SLOT_SIZE,
                                     .slot_count = SLOTS,
                                     .journal_pages = JOURNAL_PAGES},
                            .bytes = flash_memory};
static mcuedit_context context;
static int8_t input[MODEL_INPUT_SIZE], output[MODEL_OUTPUT_SIZE], arena[MODEL_ARENA_SIZE], h[64];

static int verify(void *context, const uint8_t key[32], const uint8_t signature[64], const void *message, uint32_t size)
{
    (void)context;
    return key == NULL || signature == NULL || message == NULL || size != 32;
}

static int infer(const mcuedit_self_test_case *test)
{
    int best = 0;
    memset(input, 1, sizeof(input));
    int err = test ? mcuedit_self_test_expand(test, input, sizeof(input), 0) : 0;
    if (err) {
        return err;
    }
    MODEL_INFER(&context, input, output, arena);
    for (int i = 1; i < MODEL_OUTPUT_SIZE; i++) {
        best = output[i] > output[best] ? i : best;
    }
    return best;
}

static int ask(void *context, const mcuedit_self_test_case *test)
{
    (void)context;
    return infer(test);
}

static const uint8_t keys[][32] = {FUZZ_KEY};
static const mcuedit_trust trust = {.keys = keys, .key_count = 1, .sha256 = mcuedit_sha256_of, .verify = verify};
const mcuedit_store_config flash_config = {
    .flash = &flash.part, .trust = &trust, .active = &context, .allow_local = 1, .ask = ask};

void flash_reset(void)
{
    flash_model_init(&flash);
    flash_model_blank(&flash);
    mcuedit_context_init(&context, &MODEL_BASE, h, sizeof(h));
}

void check_store(mcuedit_store *store)
{
    for (uint8_t arm = 0; arm < 2; arm++) {
        REQUIRE(mcuedit_store_mask(store, arm) >> SLOTS == 0);
        mcuedit_store_pick(store, arm);
        infer(NULL);
    }
    mcuedit_store_idle(store);
    REQUIRE(flash.violations == 0);
}
