/* SPDX-License-Identifier: Apache-2.0 */
#include "device.h"

#include <stddef.h>
#include <string.h>

#include "base.h"
#include "mcuedit/crypto.h"
#include "packages.h"

const uint32_t device_package_count = sizeof(device_packages) / sizeof(device_packages[0]);
const uint32_t device_store_size = sizeof(mcuedit_store);

static struct {
    flash_model *flash;
    mcuedit_trust trust;
    mcuedit_context context;
    mcuedit_store_config config;
    mcuedit_store store;
    int8_t h[64];
    int lies;
} device;

#ifdef REAL_SIGNATURES
#define check_signature mcuedit_ed25519_check
#else
static int check_signature(void *context, const uint8_t key[32], const uint8_t signature[64], const void *message,
                           uint32_t size)
{
    (void)context, (void)key, (void)message;
    return signature[0] == 0 || size != 32; /* of zeros: the wrong one */
}
#endif

static int ask(void *context, const mcuedit_self_test_case *test)
{
    (void)context;
    return test->answer + device.lies;
}

#ifdef MIRRORED
/*
 * A part that the core cannot read in place: what the store takes for mapped is a copy in RAM, which callbacks keep. It
 * is read when power comes, and again wherever something was changed.
 */
static MCUEDIT_ALIGNED(4) uint8_t mirror[1 << 20];
static mcuedit_flash part;

static uint32_t region_in_ram(void)
{
    uint32_t size = flash_model_region(&part);
    return size < sizeof(mirror) ? size : sizeof(mirror);
}

static void reread(uint32_t offset, uint32_t size)
{
    uint32_t all = region_in_ram(), end = offset + size < all ? offset + size : all;
    for (; offset < end; offset += part.program_unit) {
        (void)part.read(part.context, offset, mirror + offset, part.program_unit);
    }
}

static int program_mirrored(void *context, uint32_t offset, const void *bytes, uint32_t size)
{
    int err = part.program(context, offset, bytes, size);
    reread(offset, size);
    return err;
}

static int erase_mirrored(void *context, uint32_t offset, uint32_t size)
{
    int err = part.erase(context, offset, size);
    reread(offset, size);
    return err;
}

static void power_on_mirror(void)
{
    memset(mirror, 0, sizeof(mirror));
    reread(0, region_in_ram());
}
#endif

void device_init(flash_model *flash, const device_geometry *geometry)
{
    int lies = device.lies;
    memset(&device, 0, sizeof(device));
    device.lies = lies;
    device.flash = flash;
    flash->part = (mcuedit_flash){.program_unit = geometry->unit,
                                  .erase_page = geometry->page,
                                  .slot_size = geometry->slot_size,
                                  .slot_count = (uint8_t)geometry->slots,
                                  .journal_pages = (uint8_t)geometry->journal_pages};
    flash_model_init(flash);
#ifdef MIRRORED
    part = flash->part;
    flash->part.mapped = mirror;
    flash->part.program = program_mirrored;
    flash->part.erase = erase_mirrored;
#endif
    device.trust =
        (mcuedit_trust){.keys = device_keys, .key_count = 1, .sha256 = mcuedit_sha256_of, .verify = check_signature};
    device.config =
        (mcuedit_store_config){.flash = &flash->part, .trust = &device.trust, .active = &device.context, .ask = ask};
}

void device_set(int lies, int allow_local, int keys)
{
    device.lies = lies;
    device.config.allow_local = (uint8_t)allow_local;
    device.trust.key_count = (uint8_t)keys;
}

int device_boot(void)
{
    memset(&device.store, 0xA5, sizeof(device.store));
#ifdef MIRRORED
    power_on_mirror();
#endif
    mcuedit_context_init(&device.context, &checked_base, device.h, sizeof(device.h));
    return mcuedit_store_open(&device.store, &device.config);
}

mcuedit_store *device_store(void)
{
    return &device.store;
}

int device_install(const void *bytes, uint32_t size, uint32_t piece)
{
    const uint8_t *from = bytes;
    uint8_t slot = 0, digest[32];
    mcuedit_sha256_of(NULL, bytes, size, digest);
    int err = mcuedit_store_begin(&device.store, size, digest, &slot);
    if (err) {
        return err == MCUEDIT_STORE_THERE ? slot : err;
    }
    for (uint32_t at = 0; !err && at < size; at += piece) {
        err = mcuedit_store_append(&device.store, at, from + at, size - at < piece ? size - at : piece);
    }
    if (!err) {
        err = mcuedit_store_end(&device.store, &slot);
    }
    return err ? err : slot;
}

int device_package_in(uint32_t slot)
{
    mcuedit_slot_info info;
    if (mcuedit_store_slot_info(&device.store, (uint8_t)slot, &info) || info.state == MCUEDIT_SLOT_EMPTY) {
        return -1;
    }
    for (uint32_t i = 0; i < device_package_count; i++) {
        if (info.size == device_packages[i].size && memcmp(info.bytes, device_packages[i].bytes, info.size) == 0) {
            return (int)i;
        }
    }
    return -1;
}

int device_slot_of(uint32_t package)
{
    int found = -1;
    for (uint32_t slot = 0; slot < device.flash->part.slot_count; slot++) {
        uint32_t kept = device.store.state.slots[slot].bits >> MCUEDIT_SLOT_KEPT & 3u;
        if (device_package_in(slot) == (int)package && (found < 0 || kept != MCUEDIT_KEPT_REVOKED)) {
            found = (int)slot;
        }
    }
    return found;
}

const char *device_check_log(void)
{
    const mcuedit_store_state *state = mcuedit_store_status(&device.store);
    uint32_t page =
        device.flash->part.erase_page < MCUEDIT_JOURNAL_PAGE ? MCUEDIT_JOURNAL_PAGE : device.flash->part.erase_page;
    uint32_t places = page / (MCUEDIT_RECORD_SIZE + (uint32_t)sizeof(*state)), count = 0;
    uint32_t next = state->sequence > 16 ? state->sequence - 16 : 0, first = next; /* all is read for every record */
    uint8_t bytes[MCUEDIT_RECORD_SIZE], before[8], chain[8] = {0}, digest[32], link[28];
    while (mcuedit_store_log(&device.store, next, bytes, before) == 1) {
        uint32_t sequence;
        memcpy(&sequence, bytes, sizeof(sequence));
        if (sequence != next) {
            first = sequence, count = 0; /* a gap: a page that was half erased */
        } else if (next != first && memcmp(before, chain, sizeof(chain)) != 0) {
            return "a record does not follow the one before it";
        }
        memcpy(link, bytes, sizeof(link));
        memcpy(link + 20, before, sizeof(before));
        mcuedit_sha256_of(NULL, link, sizeof(link), digest);
        if (memcmp(digest, bytes + 20, sizeof(chain)) != 0) {
            return "a record's hash is wrong";
        }
        memcpy(chain, bytes + 20, sizeof(chain));
        next = sequence + 1;
        count++;
    }
    if (next != state->sequence || memcmp(chain, state->chain, sizeof(chain)) != 0) {
        return "the log does not end where the state does";
    }
    uint32_t least = state->sequence < places ? state->sequence : places;
    least = least < 16 ? least : 16;
    return count + 4 < least ? "records are missing" : NULL; /* torn ones take places, too */
}

flash_model *device_new(uint32_t unit, uint32_t page, uint32_t slot_size, uint32_t slots, uint32_t journal_pages)
{
    static _Alignas(4) uint8_t bytes[FLASH_SIZE];
    static uint8_t units[FLASH_SIZE];
    static uint32_t erases[FLASH_SIZE / 256];
    static flash_model flash;
    device_geometry geometry = {unit, page, slot_size, slots, journal_pages};
    flash = (flash_model){.bytes = bytes, .units = units, .erases = erases};
    device_init(&flash, &geometry);
    flash_model_blank(&flash);
    return &flash;
}

void device_cut(uint32_t at, uint32_t kind, uint32_t amount, uint32_t seed)
{
    flash_model *flash = device.flash;
    flash->cut_at = flash->operations + at + 1;
    flash->cut_kind = kind;
    flash->cut_amount = amount;
    flash->cut_seed = seed;
}

int device_power(void)
{
    int dead = (int)device.flash->dead;
    flash_model_power_on(device.flash);
    return dead;
}

static uint32_t flash_erases(uint32_t offset)
{
    return device.flash->erases ? device.flash->erases[offset / device.flash->part.erase_page] : 0;
}

void device_look(device_sight *sight)
{
    const mcuedit_store_state *state = mcuedit_store_status(&device.store);
    *sight = (device_sight){.confirmed = state->confirmed,
                            .previous = state->previous,
                            .trial = state->trial,
                            .in_trial = state->in_trial,
                            .boots = state->boots,
                            .minimum_counter = state->minimum_counter,
                            .sequence = state->sequence,
                            .pages = state->pages,
                            .masks = {mcuedit_store_mask(&device.store, 0), mcuedit_store_mask(&device.store, 1)},
                            .damage = (uint32_t)-device.store.damage,
                            .operations = device.flash->operations,
                            .violations = device.flash->violations};
    for (uint32_t at = 0; at < device.store.end; at += device.store.page) {
        sight->flash_erases += flash_erases(at);
    }
    for (uint32_t slot = 0; slot < device.flash->part.slot_count; slot++) {
        sight->kept[slot] = state->slots[slot].bits >> MCUEDIT_SLOT_KEPT & 3u;
        sight->erases[slot] = state->slots[slot].erases;
        sight->flash_slot_erases[slot] = flash_erases(device.store.end + slot * device.flash->part.slot_size);
        sight->package[slot] = device_package_in(slot);
    }
}

void device_idle(void)
{
    mcuedit_store_idle(&device.store);
}

void device_damage(uint32_t slot, uint32_t offset)
{
    device.flash->bytes[device.store.end + slot * device.flash->part.slot_size + offset] ^= 0x10;
}

void device_fill(const void *bytes, uint32_t size)
{
    memcpy(device.flash->bytes, bytes, size);
    memset(device.flash->units, FLASH_UNIT_PROGRAMMED, size / device.flash->part.program_unit);
}
