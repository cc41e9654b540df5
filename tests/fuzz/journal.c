/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store on a flash that anything may have happened to: a script of what users do, of power cuts, and of damage to
 * the journal, whose CRCs fit again where the script says so. Every opcode is a byte; its operands follow.
 */
#include "flash.h"
#include "mcuedit/crypto.h"
#include "packages.h"

#include "../../firmware/store/journal.c" /* for the CRC of its records */

typedef struct {
    const uint8_t *at, *end;
} script;

static uint8_t next(script *from)
{
    return from->at != from->end ? *from->at++ : 0;
}

static void reopen(mcuedit_store *store)
{
    mcuedit_context_init(flash_config.active, fuzz_base, flash_config.active->h, flash_config.active->h_size);
    REQUIRE(mcuedit_store_open(store, &flash_config) != MCUEDIT_E_FIELD);
    check_store(store);
}

static void install(mcuedit_store *store, script *from)
{
    uint8_t which = next(from) % FUZZ_PACKAGES, cut = next(from), slot, sha256[32];
    uint32_t size = fuzz_sizes[which], part = cut & 0x80 ? size * (cut & 0x7Fu) / 128u : size;
    mcuedit_sha256_of(NULL, fuzz_packages[which], size, sha256);
    if (mcuedit_store_begin(store, size, cut & 1 ? sha256 : NULL, &slot) == MCUEDIT_OK &&
        mcuedit_store_append(store, 0, fuzz_packages[which], part) == MCUEDIT_OK) {
        mcuedit_store_end(store, &slot);
    }
}

static void install_adapter(mcuedit_store *store, script *from)
{
    uint8_t which = next(from) % FUZZ_PACKAGES, slot;
    const uint8_t *adapter = fuzz_packages[which] + MCUEDIT_PACKAGE_HEADER_SIZE;
    mcuedit_store_stage_local(store, adapter, 4u * (adapter[6] | (uint32_t)adapter[7] << 8), &slot);
}

/* Some bytes of the flash are others; then every record that they touched may be one again. */
static void damage(script *from)
{
    uint32_t at = next(from), count = next(from) % 16u;
    at = (at | (uint32_t)next(from) << 8) % FLASH_SIZE;
    bool mend = next(from) % 4u != 0;
    for (uint32_t i = at; i < at + count && i < FLASH_SIZE; i++) {
        flash_memory[i] = next(from);
    }
    uint32_t place = at / SIZE * SIZE;
    if (mend && place + SIZE <= JOURNAL_PAGES * PAGE) {
        mcuedit_record record;
        memcpy(&record, flash_memory + place, SIZE);
        record.crc = crc_of(flash_config.flash, &record);
        memcpy(flash_memory + place, &record, SIZE);
    }
}

static void look(mcuedit_store *store)
{
    uint8_t record[MCUEDIT_RECORD_SIZE], before[8];
    mcuedit_slot_info info;
    for (uint32_t sequence = 0, n = 0; n < 32 && mcuedit_store_log(store, sequence, record, before); n++) {
        memcpy(&sequence, record, sizeof(sequence));
        sequence++;
    }
    for (uint8_t slot = 0; slot <= SLOTS; slot++) {
        if (mcuedit_store_slot_info(store, slot, &info) == MCUEDIT_OK && info.size != 0 && info.size <= SLOT_SIZE) {
            mcuedit_package package;
            mcuedit_package_parse(&package, info.bytes, info.size);
        }
    }
}

static void step(mcuedit_store *store, script *from)
{
    switch (next(from) % 11u) {
    case 0:
    case 1:
        install(store, from);
        break;
    case 2:
        mcuedit_store_activate(store, next(from), next(from) % 4u, 1 + next(from) % 100u);
        break;
    case 3:
        mcuedit_store_confirm(store);
        break;
    case 4:
        mcuedit_store_rollback(store);
        break;
    case 5:
        mcuedit_store_revoke(store, next(from));
        break;
    case 6:
        mcuedit_store_erase(store, next(from));
        break;
    case 7:
        reopen(store);
        break;
    case 8:
        damage(from);
        reopen(store); /* a device does not see its flash change */
        break;
    case 9:
        install_adapter(store, from);
        break;
    default:
        look(store);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static mcuedit_store store;
    script from = {data, data + (size < 512 ? size : 512)};
    flash_reset();
    reopen(&store);
    while (from.at != from.end) {
        step(&store, &from);
    }
    check_store(&store);
    reopen(&store);
    int err = mcuedit_store_activate(&store, 0, 1, 100);                /* the factory's state can always be had ... */
    REQUIRE(err == MCUEDIT_OK || store.state.sequence == SEQUENCE_END); /* ... and kept, while the journal is not full */
    REQUIRE(mcuedit_store_mask(&store, 1) == 0);
    return 0;
}
