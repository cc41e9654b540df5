/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store: slots with update packages and a journal in a region of flash (SPEC.md, section 8). It decides which
 * adapters are active, survives a power cut at any moment, and keeps a log of what was done.
 *
 * A slot's states: empty -> staged (uploaded and checked) -> trial (active, not yet confirmed) -> confirmed, or
 * revoked. A trial that nobody confirms within its boots, or that fails a test, ends by itself: the confirmed set is
 * active again and the slots that were new in the trial are revoked. The set of no adapter (mask 0, the factory's
 * state) can always be activated. Masks have a bit for each slot.
 *
 * Contexts. There are two: inferences, and the receiver, from which every function but mcuedit_store_pick,
 * mcuedit_store_idle and mcuedit_store_outcome is called. The receiver may interrupt an inference at any point, never
 * the other way round. It only prepares what mcuedit_store_pick takes up: a running inference keeps the set that it
 * began with. What belongs to that set is in use until the next pick (or mcuedit_store_idle): its slots are not erased,
 * its views and its place among the sets are not taken for others; where that is in the way, the answer is
 * MCUEDIT_E_BUSY, and after the next pick the same call goes through. There are three sets for the most that can be in
 * use: the confirmed one, that of the trial, and the one of a running inference. Functions that run inferences
 * themselves (activation of a package with a self-test, by `ask`) must be called where no inference is running.
 */
#ifndef MCUEDIT_STORE_H
#define MCUEDIT_STORE_H

#include <stdint.h>

#include "mcuedit/config.h"
#include "mcuedit/mcuedit.h"
#include "mcuedit/package.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of a record of the log, and the least size of a page of the journal. */
#define MCUEDIT_RECORD_SIZE  32
#define MCUEDIT_JOURNAL_PAGE 1024

/*
 * A region of flash: `journal_pages` pages of the journal, then `slot_count` slots. A page of the journal is the
 * smallest number of erase pages that has MCUEDIT_JOURNAL_PAGE bytes. Offsets are from the region's start, which is
 * at the start of an erase page.
 *
 * The callbacks return 0 or any other value for failure. `program` is given whole units, each once between two erases;
 * `bytes` may have any address. `erase` is given whole erase pages and leaves 0xFF. `read` fails where the part cannot
 * read back what a power cut left behind (ECC): that counts as damaged. `sync` (or NULL) returns when all before it is
 * in the flash.
 */
typedef struct {
    void *context;
    /*
     * The region's first byte as the core reads it, 4-byte aligned. Of a part that it cannot read in place: of a copy
     * of the region in RAM, which is read before the store is opened, and again by `program` and `erase` where they
     * wrote.
     */
    const uint8_t *mapped;
    uint32_t program_unit; /* 1, 2, 4, 8, 16 or 32 */
    uint32_t erase_page;   /* 256..131,072, a power of two */
    uint32_t slot_size;    /* a multiple of erase_page, below 2^20 */
    uint8_t slot_count;    /* 1..MCUEDIT_STORE_SLOTS */
    uint8_t journal_pages; /* 2 or more; erases are spread over them */
    int (*read)(void *context, uint32_t offset, void *bytes, uint32_t size);
    int (*program)(void *context, uint32_t offset, const void *bytes, uint32_t size);
    int (*erase)(void *context, uint32_t offset, uint32_t size);
    int (*sync)(void *context);
} mcuedit_flash;

#if MCUEDIT_ROOTS
#define MCUEDIT_KEY_ID       8 /* first bytes of the SHA-256 of a key, as packages name their signer */
#define MCUEDIT_REVOKED_KEYS 7 /* in a list, at most */

/* Who may revoke keys of packages: `threshold` of these together, by a list that they have signed. */
typedef struct {
    const uint8_t (*keys)[32]; /* Ed25519 public keys, none of which signs packages or commands */
    uint8_t count;
    uint8_t threshold; /* 1..count */
} mcuedit_roots;
#endif

/* What a store works with. All of it must outlive the store. */
typedef struct {
    const mcuedit_flash *flash;
    const mcuedit_trust *trust;
#if MCUEDIT_ROOTS
    const mcuedit_roots *roots; /* NULL: no key is ever revoked */
#endif
    mcuedit_context *active; /* of mcuedit_context_init: whose active set the store decides */
    uint8_t allow_local;     /* 1: mcuedit_store_stage_local is allowed */
    void *context;           /* for the two callbacks, which may be NULL */
    /* Would the runtime take this set? A dry run: nothing may change. 0 or an error, which refuses it. */
    int (*prepare)(void *context, const mcuedit_set *set);
    /*
     * One inference with `active` as it is, on the input of `test` (mcuedit_self_test_expand). Returns the
     * class of its answer or an error. Without this callback no self-test is run.
     */
    int (*ask)(void *context, const mcuedit_self_test_case *test);
} mcuedit_store_config;

/* What a record of the journal is about. Values are part of the format. */
enum {
    MCUEDIT_LOG_ERASE = 1,     /* a slot is erased, or an upload into it begins, which erases it unless it is blank */
    MCUEDIT_LOG_STAGE = 2,     /* a package was accepted */
    MCUEDIT_LOG_LOCAL = 3,     /* an adapter made on the device was accepted */
    MCUEDIT_LOG_TRIAL = 4,     /* a trial begins */
    MCUEDIT_LOG_BOOT = 5,      /* a boot in a trial */
    MCUEDIT_LOG_CONFIRM = 6,   /* the trial's set is confirmed */
    MCUEDIT_LOG_ROLLBACK = 7,  /* a trial ended, or the set before was restored, on command */
    MCUEDIT_LOG_EXPIRED = 8,   /* a trial ended: not confirmed in time */
    MCUEDIT_LOG_SELF_TEST = 9, /* a trial ended before it began: its self-test failed */
    MCUEDIT_LOG_DAMAGED = 10,  /* a trial ended: one of its slots does not pass the checks any more */
    MCUEDIT_LOG_REVOKE = 11,   /* a slot is revoked */
    MCUEDIT_LOG_SESSION = 12,  /* commands were asked for what to sign, for the first time in this boot */
    MCUEDIT_LOG_KEYS = 13      /* another list of revoked keys is in force */
};

typedef enum {
    MCUEDIT_SLOT_EMPTY,
    MCUEDIT_SLOT_STAGED,
    MCUEDIT_SLOT_TRIAL,
    MCUEDIT_SLOT_CONFIRMED,
    MCUEDIT_SLOT_REVOKED
} mcuedit_slot_state;

/* What the journal keeps of a slot, from what can be missed to what cannot; masks tell trial from confirmed. */
enum { MCUEDIT_KEPT_NONE, MCUEDIT_KEPT_REVOKED, MCUEDIT_KEPT_STAGED, MCUEDIT_KEPT_PROVEN };

#define MCUEDIT_SLOT_SIZE   0xFFFFFFu   /* in `bits`: bytes of the package */
#define MCUEDIT_SLOT_KEPT   24          /* in `bits`: first of the two bits for MCUEDIT_KEPT_ */
#define MCUEDIT_SLOT_SOILED 0x04000000u /* in `bits`: empty, and perhaps half written or half erased */
#define MCUEDIT_SLOT_LOCAL  0x80000000u /* in `bits`: a bare adapter, made on the device */

/* One slot as the journal keeps it. */
typedef struct {
    uint32_t bits;
    uint32_t erases; /* so far */
} mcuedit_store_slot;

/* What the journal keeps. To be read freely, never to be written: mcuedit_store_status(). */
typedef struct {
    uint8_t chain[8];         /* of the last record */
    uint32_t sequence;        /* of the next record; the first is 0 */
    uint32_t minimum_counter; /* the highest security counter ever activated */
    uint32_t pages;           /* erases of the journal so far, spread over its pages in turn */
    uint16_t confirmed;
    uint16_t previous; /* what was confirmed before that; 0 if it cannot be had any more */
    uint16_t trial;    /* 0 without a trial, or if it is one of the factory's state */
    uint8_t boots;     /* that the trial has left */
    uint8_t share;     /* percent of inferences that the trial is to answer; the store itself does not look at it */
    uint8_t in_trial;
    uint8_t last;      /* slot that was erased last */
    uint16_t reserved; /* 0 */
    mcuedit_store_slot slots[MCUEDIT_STORE_SLOTS];
#if MCUEDIT_ROOTS
    uint32_t revocation; /* version of the list of revoked keys; 0: there was none */
    uint8_t revoked_count;
    uint8_t zeros[3];
    uint8_t revoked[MCUEDIT_REVOKED_KEYS][MCUEDIT_KEY_ID];
#endif
} mcuedit_store_state;

/* The adapter of a slot, parsed. */
typedef struct {
    mcuedit_adapter adapter;
    const uint8_t *name;      /* of its package, and the byte behind it, which is in no name; NULL: it has none */
    const uint8_t *self_test; /* that are still to be asked, or NULL */
    uint16_t mask;            /* the slot; 0: none */
} mcuedit_store_view;

/* Adapters to be active together, and the slots that they are in. */
typedef struct {
    mcuedit_set set;
    uint16_t mask;
    const mcuedit_adapter *adapters[MCUEDIT_STORE_VIEWS];
} mcuedit_store_set;

/* Of each arm: inferences, and outcomes that the application reported, since the last activation or open. */
typedef struct {
    uint32_t runs[2];
    uint32_t good[2];
    uint32_t bad[2];
} mcuedit_store_counts;

/* A store. Fields are private but for those that are named below. */
typedef struct {
    const mcuedit_store_config *config;
    const mcuedit_store_set *volatile arms[2];
    const mcuedit_store_set *volatile picked;
    /* The upload. upload_size is 0 if there is none; upload_offset is the offset wanted next. */
    uint32_t upload_size;
    uint32_t upload_offset;
    uint8_t upload_slot;
    uint8_t has_sha256;
    int8_t damage;  /* why the confirmed set is not active: an error of the last mcuedit_store_open, else 0 */
    uint32_t page;  /* bytes of a page of the journal */
    uint32_t end;   /* of the journal: the first slot */
    uint32_t place; /* of the next record; at the start of a page: this one is full */
    uint32_t spare; /* page that is erased when one is full */
    mcuedit_store_state state;
    mcuedit_store_counts counts;
    mcuedit_store_set sets[3];
    mcuedit_store_view views[MCUEDIT_STORE_VIEWS];
    uint8_t sha256[32];
    uint8_t unit[32];
#if MCUEDIT_AUTHORITY
    uint8_t open;                             /* the upload that begins is one that nobody has signed */
    uint8_t open_erases[MCUEDIT_STORE_SLOTS]; /* of each slot, for such uploads, in this boot */
    uint16_t open_count;                      /* the sum */
    uint32_t least;                           /* counter of a package that is activated again; 0: not asked */
#endif
} mcuedit_store;

/*
 * Reads the journal, counts a boot of a running trial (and ends it after its last one) and makes the active set.
 * Whatever the flash contains, the store is usable afterwards and its set valid: the trial's, the confirmed one, the
 * one before that if the confirmed one is damaged (`damage` tells), or none. A blank or unreadable journal is an empty
 * store; nothing is written before the first change. Takes time for hash and signature of every active slot.
 * MCUEDIT_E_FIELD if the geometry is none; MCUEDIT_E_FLASH if a boot could not be counted: the trial is then not
 * active.
 */
#define mcuedit_store_open MCUEDIT_NAMED_BY_STORE(mcuedit_store_open)
int mcuedit_store_open(mcuedit_store *store, const mcuedit_store_config *config);

/*
 * Uploads. `begin` chooses and erases a slot for `size` bytes: an empty one, else a revoked one, else one that was
 * staged, else one that was confirmed earlier, in turn; never one of the confirmed, trial or running set. `sha256`
 * (of all the bytes, or NULL) lets it answer MCUEDIT_STORE_THERE, and the slot in `*slot`, if one has these bytes
 * already; nothing is opened then. An upload that was under way is given up. MCUEDIT_E_SIZE if it does not fit into a
 * slot, MCUEDIT_E_REVOKED if these bytes are in a revoked slot, MCUEDIT_E_FULL or MCUEDIT_E_BUSY if no slot is free.
 *
 * `append` takes any number of bytes at the offset wanted next (MCUEDIT_E_STATE for another one, without an upload, or
 * beyond its end). `end` checks all of it: SHA-256 as given, mcuedit_package_check, counter, adapter, dry run; then
 * the slot is staged. On an error the slot is empty and the upload over.
 */
#define MCUEDIT_STORE_THERE 1
int mcuedit_store_begin(mcuedit_store *store, uint32_t size, const uint8_t sha256[32], uint8_t *slot);
int mcuedit_store_append(mcuedit_store *store, uint32_t offset, const void *bytes, uint32_t size);
int mcuedit_store_end(mcuedit_store *store, uint8_t *slot);

#if MCUEDIT_AUTHORITY
/*
 * `begin` for an upload that nobody has signed: into an empty slot or none (MCUEDIT_E_AUTHORITY), of which at most
 * MCUEDIT_OPEN_ERASES erases come in one boot (MCUEDIT_E_WEAR). An upload into a blank slot erases nothing, whosever it
 * is; a record says before its first byte that the slot is blank no more.
 */
int mcuedit_store_begin_open(mcuedit_store *store, uint32_t size, const uint8_t sha256[32], uint8_t *slot);
#endif

/* Stages an adapter that was made here: its bare bytes, without package, key or counter. */
int mcuedit_store_stage_local(mcuedit_store *store, const void *adapter, uint32_t size, uint8_t *slot);

/*
 * Starts a trial of the slots of `mask`: active from the next inference on. It ends by itself if `boots` boots (0..255)
 * passed and another one comes. `share` (1..100) is kept for the application. Every slot is checked as at its upload;
 * then the self-tests of those that are new are run. A trial that was running ends as by a rollback, but for the slots
 * that the new one has, too. Activating again what is active (trial, or confirmed without a trial) changes nothing.
 * Slots that were staged need minimum_counter < counter <= minimum_counter + MCUEDIT_COUNTER_STEP. MCUEDIT_E_STATE for
 * an empty slot, _E_REVOKED, _E_KEY, _E_COUNTER, _E_NAME (two slots of one name), _E_FULL (more than
 * MCUEDIT_STORE_VIEWS), _E_SELF_TEST (the new slots are revoked), and whatever the checks say; nothing has changed
 * then. Mask 0 is obeyed even if the flash fails: the error only says that it will not last beyond a reset.
 *
 * With MCUEDIT_AUTHORITY slots of adapters that were made on the device are left out of a mask with a package that was
 * never confirmed: what was learned yields to what was signed after it.
 */
#if !MCUEDIT_AUTHORITY
int mcuedit_store_activate(mcuedit_store *store, uint16_t mask, uint8_t boots, uint8_t share);
#else
/*
 * Takes packages that were confirmed earlier and are in neither the confirmed set nor the trial down to the counter
 * `least`, MCUEDIT_E_COUNTER for others; mcuedit_store_activate down to the minimum counter.
 */
int mcuedit_store_reactivate(mcuedit_store *store, uint16_t mask, uint32_t least, uint8_t boots, uint8_t share);

static inline int mcuedit_store_activate(mcuedit_store *store, uint16_t mask, uint8_t boots, uint8_t share)
{
    return mcuedit_store_reactivate(store, mask, store->state.minimum_counter, boots, share);
}
#endif

/* Makes the trial's set the confirmed one. MCUEDIT_E_STATE without a trial. */
int mcuedit_store_confirm(mcuedit_store *store);

/*
 * Ends the trial: the confirmed set is active again, and what was new is revoked. Without a trial: goes back to the
 * set that was confirmed before, at last to the factory's. MCUEDIT_E_STATE if there is none to go back to.
 */
int mcuedit_store_rollback(mcuedit_store *store);

/*
 * Revokes a slot for good: its bytes are refused from now on. A trial with it ends. If it is confirmed, the factory's
 * state is confirmed instead, at once; who wants the set before rolls back first.
 */
int mcuedit_store_revoke(mcuedit_store *store, uint8_t slot);

#if MCUEDIT_ROOTS
/*
 * Takes a list of revoked keys (`size` bytes of any address) that takes the place of the one before. From then on
 * packages of these keys are refused by MCUEDIT_E_REVOKED, at upload, activation, confirmation and boot. What is in
 * force of theirs stays so until the next boot. MCUEDIT_E_SIZE, _E_MAGIC or _E_FORM; _E_COUNTER: not newer than the
 * list in force; _E_AUTHORITY: signed by fewer roots than it takes; _E_KEY, _E_SIGNATURE: by another key, or not by it.
 */
int mcuedit_store_revoke_keys(mcuedit_store *store, const void *list, uint32_t size);
#endif

/*
 * Erases a slot that is neither confirmed nor in the trial (MCUEDIT_E_STATE), nor in use (MCUEDIT_E_BUSY). An upload
 * that was under way is given up.
 */
int mcuedit_store_erase(mcuedit_store *store, uint8_t slot);

/* The persistent state, read-only. */
static inline const mcuedit_store_state *mcuedit_store_status(const mcuedit_store *store)
{
    return &store->state;
}

/* 1 if this is a build for development, which needs no key; every report says so. */
int mcuedit_store_development(void);

/* Mask of the set that the next inference on `arm` will run with; not that of `state` where that is damaged. */
static inline uint16_t mcuedit_store_mask(const mcuedit_store *store, uint8_t arm)
{
    const mcuedit_store_set *set = store->arms[arm & 1u];
    return set ? set->mask : 0;
}

typedef struct {
    mcuedit_slot_state state;
    uint8_t proven; /* was confirmed at some time: may be activated again */
    uint8_t local;  /* a bare adapter */
    uint32_t size;  /* 0 if empty */
    uint32_t erases;
    const uint8_t *bytes; /* the package (mcuedit_package_parse), or a bare adapter */
} mcuedit_slot_info;

/* What is in a slot. MCUEDIT_E_FIELD if there is no such slot. */
static inline int mcuedit_store_slot_info(const mcuedit_store *store, uint8_t slot, mcuedit_slot_info *info)
{
    const mcuedit_flash *flash = store->config->flash;
    if (slot >= flash->slot_count) {
        return MCUEDIT_E_FIELD;
    }
    uint32_t bits = store->state.slots[slot].bits, kept = bits >> MCUEDIT_SLOT_KEPT & 3u;
    info->state = kept == MCUEDIT_KEPT_NONE                    ? MCUEDIT_SLOT_EMPTY
                  : kept == MCUEDIT_KEPT_REVOKED               ? MCUEDIT_SLOT_REVOKED
                  : (store->state.confirmed >> slot & 1u) != 0 ? MCUEDIT_SLOT_CONFIRMED
                  : (store->state.trial >> slot & 1u) != 0     ? MCUEDIT_SLOT_TRIAL
                                                               : MCUEDIT_SLOT_STAGED;
    info->proven = kept == MCUEDIT_KEPT_PROVEN;
    info->local = (bits & MCUEDIT_SLOT_LOCAL) != 0;
    info->size = bits & MCUEDIT_SLOT_SIZE;
    info->erases = store->state.slots[slot].erases;
    info->bytes = flash->mapped + store->end + flash->slot_size * slot;
    return MCUEDIT_OK;
}

/*
 * The log: the record with the lowest sequence number that is `from` or more and still in the flash, as 32 bytes
 * (SPEC.md, section 8), and in `before` (or NULL) the chain value of the record before it. 1 if there is one, else 0.
 * Reads the whole journal.
 */
int mcuedit_store_log(const mcuedit_store *store, uint32_t from, uint8_t record[MCUEDIT_RECORD_SIZE],
                      uint8_t before[8]);

/*
 * Called by the inference context before each inference: takes up the set of `arm`: 0 the confirmed one, 1 the
 * trial's (without a trial: the confirmed one, counted as arm 0). Returns the arm that was taken. A few instructions,
 * whatever the sets are.
 */
uint8_t mcuedit_store_pick(mcuedit_store *store, uint8_t arm);

/* No inference is running and none will without a pick: what was picked is not in use any more. */
static inline void mcuedit_store_idle(mcuedit_store *store)
{
    store->picked = 0;
}

/* Counts an outcome of the last pick's arm, as the application judges it. */
static inline void mcuedit_store_outcome(mcuedit_store *store, uint8_t arm, uint8_t good)
{
    uint32_t *counts = good ? store->counts.good : store->counts.bad;
    counts[arm & 1u]++;
}

#ifdef __cplusplus
}
#endif

#endif
