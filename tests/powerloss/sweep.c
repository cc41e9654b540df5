/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cuts the power at every flash operation of every scenario, in every way, in a process of its own; lets a fresh one
 * recover; cuts that at every one of its operations, too; and looks at what is left.
 *
 * usage: sweep GEOMETRY EFFORT      GEOMETRY: a number from 0; EFFORT: 0 a sample, 1 a dense one, 2 all first cuts
 * Prints a line of figures; ends with 1 after the first failure, which it describes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "device.h"
#include "store/journal.h"

#define PACKAGES  8
#define STEPS     40
#define BOOTS_MAX 3
#define EXTRA     7u /* a package that no scenario uses */
#define CUT       99 /* exit status of a process whose power failed */
#define BAD       98 /* exit status: something is wrong, `shared->why` says what */

typedef struct {
    const char *name;
    device_geometry geometry;
} part;

static const part parts[] = {
    {"nrf52: unit 4, page 4096", {4, 4096, 4096, 5, 2}},
    {"stm32g0: unit 8, page 2048", {8, 2048, 2048, 5, 3}},
    {"stm32h7: unit 32, page 131072", {32, 131072, 131072, 5, 2}},
    {"stm32f4: unit 1, page 131072", {1, 131072, 131072, 5, 2}},
    {"small: unit 1, page 256", {1, 256, 1024, 5, 2}},
    {"stm32u5: unit 16, page 8192", {16, 8192, 8192, 5, 2}},
};

/*
 * Commands: s a record SESSION; iN install package N; aNN.K activate packages N, N with K boots; c confirm; r rollback; vN revoke; eN
 * erase; b boot; fN records up to N places before the end of a page. What stands before the bar is prepared without
 * cuts.
 */
static const char *const scenarios[] = {
    "|i0",
    "i0 a0.3 c|i1",
    "i0 i1 a0.3 c|a01.3",
    "i0 a0.3|c",
    "i0 a0.3 c i2|a2.3 c",
    "i0 a0.3 c i1 a01.3|r",
    "i0 a0.3 c i2 a2.3 c|r r",
    "i0 a0.3 c i1 a01.0|b",
    "i0 a0.3 c i1 a01.1|b b",
    "i0 a0.3 c i1 a01.3|v1",
    "i0 a0.3 c i2 a2.3 c|v2",
    "i0 a0.3 c i1 a01.3|i3 a03.3",
    "i0 a0.3 c|a.3 c i1 a1.3 c a0.3 c",
    "i0 i1 a0.3 c|e1 i1",
    "i0 a0.3 c i1 i2 i3 i4|i5",
    "i0 a0.3 c i6|a06.3",
#if MCUEDIT_AUTHORITY
    "i0 a0.3 c|s i1 s a01.3 s c",
    "i0 a0.3 c i1 a01.1|s b s",
#endif
};

/* What counts after a power cut, in terms of packages and not of slots. */
typedef struct {
    uint32_t confirmed, previous, trial, in_trial, active, minimum_counter;
    uint8_t kept[PACKAGES];
} view;

/* What is in a flash. */
typedef struct {
    uint32_t smeared;
    uint8_t units[FLASH_SIZE];
    _Alignas(4) uint8_t bytes[FLASH_SIZE];
} picture;

typedef struct {
    flash_model flash;
    flash_model_operation log[256];
    picture memory;
    uint32_t step; /* under way */
    uint32_t operations;
    char why[200];
    view views[STEPS + 1][BOOTS_MAX]; /* before each step, after so many boots */
    uint32_t again;                   /* 1: a recovery went before, whose upload may have taken a staged slot */
} shared_memory;

static shared_memory *shared;
static const part *here;
static picture start, after_cut;

static _Noreturn void bad(const char *why)
{
    snprintf(shared->why, sizeof(shared->why), "%s", why);
    _exit(BAD);
}

static uint32_t packages_of(uint32_t mask)
{
    uint32_t packages = 0;
    for (uint32_t slot = 0; mask >> slot != 0; slot++) {
        if ((mask >> slot & 1u) != 0) {
            int package = device_package_in(slot);
            if (package < 0) {
                bad("a slot of a set does not hold its package");
            }
            packages |= 1u << package;
        }
    }
    return packages;
}

static view look(void)
{
    mcuedit_store *store = device_store();
    const mcuedit_store_state *state = mcuedit_store_status(store);
    view seen = {.in_trial = state->in_trial, .minimum_counter = state->minimum_counter};
    seen.confirmed = packages_of(state->confirmed);
    seen.previous = packages_of(state->previous);
    seen.trial = packages_of(state->trial);
    seen.active = packages_of(mcuedit_store_mask(store, 1)) | packages_of(mcuedit_store_mask(store, 0)) << 16;
    for (uint32_t slot = 0; slot < here->geometry.slots; slot++) {
        int package = device_package_in(slot);
        uint32_t kept = state->slots[slot].bits >> MCUEDIT_SLOT_KEPT & 3u;
        if (package >= 0 && package != (int)EXTRA && seen.kept[package] < kept) {
            seen.kept[package] = (uint8_t)kept;
        }
    }
    return seen;
}

static uint32_t mask_of(const char *digits, const char **end)
{
    uint32_t mask = 0;
    for (; *digits >= '0' && *digits <= '9'; digits++) {
        int slot = device_slot_of((uint32_t)(*digits - '0'));
        mask |= slot < 0 ? 0x8000u : 1u << slot;
    }
    *end = digits;
    return mask;
}

static int session(void)
{
    mcuedit_record record;
    mcuedit_journal_begin(device_store(), &record, MCUEDIT_LOG_SESSION, MCUEDIT_NO_SLOT);
    return mcuedit_journal_append(device_store(), &record);
}

static void fill(uint32_t places)
{
    mcuedit_store *store = device_store();
    uint32_t page = here->geometry.page < MCUEDIT_JOURNAL_PAGE ? MCUEDIT_JOURNAL_PAGE : here->geometry.page;
    uint32_t record = MCUEDIT_RECORD_SIZE + (uint32_t)sizeof(store->state);
    while ((store->place % page == 0 ? 0 : (page - store->place % page) / record) != places) {
        /* with authority, a slot that is blank is not erased, and nothing recorded of it */
        if (MCUEDIT_AUTHORITY ? session() : mcuedit_store_erase(store, (uint8_t)(here->geometry.slots - 1))) {
            bad("no filling");
        }
    }
}

/* One command; uploads are two: `i` opens one, `d` goes on until it ends. */
static int run(const char *command)
{
    mcuedit_store *store = device_store();
    const device_package *package = &device_packages[command[1] >= '0' ? command[1] - '0' : 0];
    const char *end;
    uint8_t slot = 0;
    int err = 0;
    switch (command[0]) {
    case 'i':
        return mcuedit_store_begin(store, package->size, NULL, &slot);
    case 'd':
        for (uint32_t at = 0; !err && at < package->size; at += 150) {
            err = mcuedit_store_append(store, at, package->bytes + at,
                                       package->size - at < 150 ? package->size - at : 150);
        }
        return err ? err : mcuedit_store_end(store, &slot);
    case 'a': {
        uint32_t mask = mask_of(command + 1, &end);
#if MCUEDIT_AUTHORITY /* scenarios go back to older packages, too */
        return mcuedit_store_reactivate(store, (uint16_t)mask, 0, (uint8_t)atoi(end + 1), 100);
#else
        return mcuedit_store_activate(store, (uint16_t)mask, (uint8_t)atoi(end + 1), 100);
#endif
    }
    case 's':
        return session();
    case 'c':
        return mcuedit_store_confirm(store);
    case 'r':
        return mcuedit_store_rollback(store);
    case 'v':
        return mcuedit_store_revoke(store, (uint8_t)device_slot_of((uint32_t)atoi(command + 1)));
    case 'e':
        return mcuedit_store_erase(store, (uint8_t)device_slot_of((uint32_t)atoi(command + 1)));
    case 'f':
        fill((uint32_t)atoi(command + 1));
        return 0;
    default:
        return device_boot();
    }
}

typedef struct {
    char commands[STEPS][8];
    uint32_t count;
} script;

static void read_script(script *into, const char *text, const char *until)
{
    into->count = 0;
    while (text < until) {
        uint32_t length = (uint32_t)strcspn(text, " |");
        if (length != 0) {
            snprintf(into->commands[into->count++], 8, "%.*s", (int)length, text);
            if (text[0] == 'i') {
                snprintf(into->commands[into->count++], 8, "d%.*s", (int)length - 1, text + 1);
            }
        }
        text += length + 1;
    }
}

/* What processes do. */

static void play(const script *steps)
{
    for (uint32_t i = 0; i < steps->count; i++) {
        shared->step = i;
        int err = run(steps->commands[i]);
        if (err) {
            char why[64];
            snprintf(why, sizeof(why), "step %s: %s", steps->commands[i], mcuedit_error_name(err));
            bad(why);
        }
    }
    shared->step = steps->count;
}

static void boot(void)
{
    if (device_boot()) {
        bad("no boot");
    }
}

static void prepare(const void *steps)
{
    boot();
    play(steps);
}

static const script *watched;
static void watch(const void *boots)
{
    boot();
    script part_of = *watched;
    part_of.count = shared->step;
    uint32_t until = shared->step;
    play(&part_of);
    for (uint32_t i = 0; i <= *(const uint32_t *)boots; i++) {
        boot();
    }
    shared->views[until][*(const uint32_t *)boots] = look();
}

static void act(const void *steps)
{
    uint32_t cut_at = shared->flash.cut_at;
    flash_model_power_on(&shared->flash);
    boot();
    shared->flash.operations = 0; /* counted from here: a boot is cut as part of the recovery */
    shared->flash.cut_at = cut_at;
    play(steps);
}

static int is_view(view seen, const view *wanted)
{
    for (uint32_t i = 0; shared->again && i < PACKAGES; i++) {
        if (seen.kept[i] == MCUEDIT_KEPT_NONE && wanted->kept[i] <= MCUEDIT_KEPT_STAGED) {
            seen.kept[i] = wanted->kept[i];
        }
    }
    return memcmp(&seen, wanted, sizeof(seen)) == 0;
}

/* Is what a fresh process sees what it must see, and does the device go on? */
static void recover(const void *unused)
{
    (void)unused;
    boot();
    view seen = look();
    int found = 0;
    for (uint32_t step = shared->step; step <= shared->step + 1; step++) {
        for (uint32_t boots = 0; boots < BOOTS_MAX; boots++) {
            found |= is_view(seen, &shared->views[step][boots]);
        }
    }
    if (!found) {
        snprintf(shared->why, sizeof(shared->why),
                 "neither before nor after: confirmed %x previous %x trial %x/%x active %x", (unsigned)seen.confirmed,
                 (unsigned)seen.previous, (unsigned)seen.trial, (unsigned)seen.in_trial, (unsigned)seen.active);
        _exit(BAD);
    }
    uint32_t set = seen.in_trial ? seen.trial : seen.confirmed;
    if (device_store()->damage || seen.active != (set | seen.confirmed << 16)) {
        bad("the active set is not the recorded one");
    }
    const char *wrong = device_check_log();
    if (wrong) {
        bad(wrong);
    }
    int slot = device_install(device_packages[EXTRA].bytes, device_packages[EXTRA].size, 150);
    if (slot < 0 || device_package_in((uint32_t)slot) != (int)EXTRA) {
        bad("nothing can be installed any more");
    }
}

static int child(void (*task)(const void *), const void *argument)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        task(argument);
        if (shared->flash.violations) {
            bad(shared->flash.violation);
        }
        _exit(0);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    if (shared->flash.violations) {
        snprintf(shared->why, sizeof(shared->why), "%s", shared->flash.violation);
        return BAD;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* What can differ from a blank part: the journal, and of each slot what a package takes, or all after a torn erase. */
static void copy(picture *to, const picture *from)
{
    const device_geometry *g = &here->geometry;
    uint32_t slots = flash_model_region(&shared->flash.part) - g->slot_size * g->slots;
    uint32_t most = to->smeared || from->smeared ? g->slot_size : 1024;
    to->smeared = from->smeared;
    for (uint32_t i = 0; i <= g->slots; i++) {
        uint32_t at = i == 0 ? 0 : slots + (i - 1) * g->slot_size, size = i == 0 ? slots : g->slot_size;
        memcpy(to->units + at / g->unit, from->units + at / g->unit, size / g->unit);
        memcpy(to->bytes + at, from->bytes + at, i == 0 || size < most ? size : most);
    }
}

static void restore(const picture *from)
{
    shared->memory.smeared = shared->flash.smeared;
    copy(&shared->memory, from);
    shared->flash.smeared = shared->memory.smeared;
    flash_model_power_on(&shared->flash);
    shared->flash.exit_code = CUT;
}

static void save(picture *to)
{
    shared->memory.smeared = shared->flash.smeared;
    copy(to, &shared->memory);
}

#define WAYS_MAX 2048 /* of a package programmed at once, byte by byte: three for each byte */

/* The ways to cut one operation. */
typedef struct {
    uint32_t kind, amount, seed;
} cut;

static uint32_t ways(const flash_model_operation *operation, uint32_t unit, int depth, uint32_t seed, cut *into)
{
    static const uint32_t dense[] = {1, 4, 27, 28, 31, 32, 60, 64, 95};
    uint32_t count = 0, size = operation->size;
    int program = operation->kind == FLASH_PROGRAM;
    if (3u * size + 32 > WAYS_MAX && program && depth == 2) {
        printf("%u bytes programmed at once have too many ways\n", (unsigned)size);
        exit(1);
    }
    into[count++] = (cut){FLASH_CUT_BEFORE, 0, 0};
    into[count++] = (cut){FLASH_CUT_AFTER, 0, 0};
    if (program && depth == 2) {
        for (uint32_t i = 0; i < size; i++) {
            into[count++] = (cut){FLASH_CUT_PREFIX, i, seed + i};
        }
        for (uint32_t i = 0; i < size; i += unit) {
            into[count++] = (cut){FLASH_CUT_MIX, i, seed + i};
            into[count++] = (cut){FLASH_CUT_UNREADABLE, i, seed + i};
        }
    } else if (program) {
        for (uint32_t i = seed % 3; depth && i < sizeof(dense) / sizeof(dense[0]); i += 3) {
            into[count++] = (cut){FLASH_CUT_PREFIX, dense[i] < size ? dense[i] : size - 1, seed + i};
        }
        into[count++] = (cut){FLASH_CUT_PREFIX, seed % size, seed};
        into[count++] = (cut){FLASH_CUT_MIX, seed / 7 % size, seed};
        into[count++] = (cut){FLASH_CUT_UNREADABLE, seed / 5 % size, seed};
    } else {
        for (uint32_t i = 0; i < (depth ? 8u : 2u); i++) {
            uint32_t at = (uint32_t)((uint64_t)size * (depth ? i : seed % 4 + 4 * i) / 8) + (i & 1u ? 40 : 0);
            into[count++] =
                (cut){i % 3 == 2 ? FLASH_CUT_SUFFIX : FLASH_CUT_PREFIX, at < size ? at : size - 1, seed + i};
        }
        into[count++] = (cut){FLASH_CUT_MIX, seed % size, seed};
        into[count++] = (cut){FLASH_CUT_UNREADABLE, seed % size, seed};
    }
    return count;
}

static void set_cut(uint32_t at, const cut *how)
{
    shared->flash.cut_at = at + 1;
    shared->flash.cut_kind = how->kind;
    shared->flash.cut_amount = how->amount;
    shared->flash.cut_seed = how->seed;
}

static unsigned long operations, first_cuts, second_cuts;

static _Noreturn void fail(const char *scenario, const char *phase, uint32_t k, const cut *one, uint32_t r,
                           const cut *two)
{
    printf("%s, scenario \"%s\", %s: %s\n  operation %u cut %u/%u/%u, then operation %u cut %u/%u/%u\n", here->name,
           scenario, phase, shared->why, (unsigned)k, (unsigned)one->kind, (unsigned)one->amount, (unsigned)one->seed,
           (unsigned)r, (unsigned)two->kind, (unsigned)two->amount, (unsigned)two->seed);
    exit(1);
}

/* Every operation of the recovery is cut, but each time in only some of the ways, in turn. */
static void cut_recovery(const char *scenario, uint32_t k, const cut *one, uint32_t effort)
{
    static flash_model_operation log[64];
    static cut two[WAYS_MAX];
    cut none = {0, 0, 0};
    save(&after_cut);
    restore(&after_cut);
    uint32_t step = shared->step;
    if (child(recover, NULL)) {
        fail(scenario, "recovery", k, one, 0, &none);
    }
    uint32_t count = shared->flash.operations < 64 ? shared->flash.operations : 64;
    memcpy(log, shared->log, sizeof(log));
    for (uint32_t r = 0; r < count; r++) {
        uint32_t seed = one->seed * 31 + one->amount * 7 + one->kind + k + r, each = effort ? 4 : 10;
        uint32_t n = ways(&log[r], here->geometry.unit, effort == 2, seed, two);
        for (uint32_t w = seed % each; w < n; w += each) {
            restore(&after_cut);
            set_cut(r, &two[w]);
            shared->step = step;
            int status = child(recover, NULL);
            if (status != CUT) {
                fail(scenario, "second cut did not happen", k, one, r, &two[w]);
            }
            flash_model_power_on(&shared->flash);
            shared->again = 1;
            if (child(recover, NULL)) {
                fail(scenario, "recovery from the second cut", k, one, r, &two[w]);
            }
            shared->again = 0;
            second_cuts++;
        }
    }
}

static void sweep(const char *scenario, const char *filled, uint32_t effort)
{
    static flash_model_operation log[256];
    static cut one[WAYS_MAX];
    cut none = {0, 0, 0};
    const char *bar = strchr(scenario, '|');
    script before, steps;
    read_script(&before, scenario, bar);
    if (filled[0] != '\0') {
        strcpy(before.commands[before.count++], filled);
    }
    read_script(&steps, bar + 1, bar + strlen(bar));
    watched = &steps;
    flash_model_blank(&shared->flash);
    flash_model_power_on(&shared->flash);
    shared->flash.exit_code = 0;
    if (child(prepare, &before)) {
        fail(scenario, "preparation", 0, &none, 0, &none);
    }
    save(&start);
    memset(shared->views, 0xEE, sizeof(shared->views));
    for (uint32_t i = 0; i <= steps.count; i++) {
        for (uint32_t boots = 0; boots < BOOTS_MAX; boots++) {
            restore(&start);
            shared->step = i;
            if (child(watch, &boots)) {
                fail(scenario, "clean run", i, &none, boots, &none);
            }
        }
    }
    restore(&start);
    if (child(act, &steps)) {
        fail(scenario, "clean run", 0, &none, 0, &none);
    }
    uint32_t count = shared->flash.operations;
    memcpy(log, shared->log, sizeof(log));
    operations += count;
    for (uint32_t k = 0; k < count && k < 256; k++) {
        uint32_t n = ways(&log[k], here->geometry.unit, effort == 2 ? 2 : 1, k * 97 + 13, one);
        for (uint32_t v = 0; v < n; v++) {
            restore(&start);
            set_cut(k, &one[v]);
            if (child(act, &steps) != CUT) {
                fail(scenario, "cut did not happen", k, &one[v], 0, &none);
            }
            first_cuts++;
            cut_recovery(scenario, k, &one[v], effort);
        }
    }
}

int main(int count, char **arguments)
{
    if (count != 3 || (size_t)atoi(arguments[1]) >= sizeof(parts) / sizeof(parts[0])) {
        return 2;
    }
    uint32_t effort = (uint32_t)atoi(arguments[2]);
    here = &parts[atoi(arguments[1])];
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    shared->flash.bytes = shared->memory.bytes;
    shared->flash.units = shared->memory.units;
    shared->flash.log = shared->log;
    shared->flash.log_size = sizeof(shared->log) / sizeof(shared->log[0]);
    device_init(&shared->flash, &here->geometry);
    memset(start.bytes, 0xFF, sizeof(start.bytes));
    memset(after_cut.bytes, 0xFF, sizeof(after_cut.bytes));
    unsigned long scenario_count = 0;
    static const char *const fills[] = {"", "f0", "f1", "f2"};
    for (uint32_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
        for (uint32_t f = 0; f < 4; f++) {
            if (f == (effort ? 1 + i % 3 : 0) || f == (effort ? 0 : i % 4)) {
                sweep(scenarios[i], fills[f], effort);
                scenario_count++;
            }
        }
    }
    printf("%s: %lu scenarios, %lu operations, %lu first cuts, %lu second cuts, 0 bad\n", here->name, scenario_count,
           operations, first_cuts, second_cuts);
    return 0;
}
