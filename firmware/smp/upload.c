/* SPDX-License-Identifier: Apache-2.0 */
/* Image upload (SPEC.md, section 9): any offset is answered by the one wanted next. */
#include "slot.h"
#include "upload.h"

#define SHA_SIZE   32u
#define RIVALS_MAX 16u /* refused, whatever becomes of the upload under way */

typedef struct {
    uint32_t offset;
    uint32_t size; /* of the whole; only with offset 0 */
    struct zcbor_string data;
    struct zcbor_string sha; /* of the whole; may be absent */
    const uint8_t *sha256;   /* its bytes, NULL if absent */
} chunk;

static int read_chunk(const mcuedit_smp_exchange *exchange, chunk *part)
{
    mcuedit_smp_field fields[] = {
        {MCUEDIT_SMP_KEY_OFFSET, MCUEDIT_SMP_UINT, &part->offset, false},
        {MCUEDIT_SMP_KEY_DATA, MCUEDIT_SMP_BYTES, &part->data, false},
        {MCUEDIT_SMP_KEY_LENGTH, MCUEDIT_SMP_UINT, &part->size, false},
        {MCUEDIT_SMP_KEY_SHA, MCUEDIT_SMP_BYTES, &part->sha, false},
    };
    int err = mcuedit_smp_fields(exchange, fields, sizeof(fields) / sizeof(fields[0]));
    bool whole = fields[0].present && fields[1].present && (part->offset > 0 || fields[2].present);
    part->sha256 = fields[3].present ? part->sha.value : NULL;
    if (err || !whole || (part->sha256 != NULL && part->sha.len != SHA_SIZE)) {
        return MCUEDIT_SMP_INVALID;
    }
    return MCUEDIT_OK;
}

static int answer(mcuedit_smp_exchange *exchange, uint32_t offset, bool complete)
{
    bool ok = mcuedit_smp_put_uint(exchange, MCUEDIT_SMP_KEY_OFFSET, offset);
    return mcuedit_smp_done(ok && (!complete || mcuedit_smp_put_bool(exchange, MCUEDIT_SMP_KEY_MATCH, true)));
}

/*
 * Without a clock an upload is idle if nothing came of it between two tries of another one. It gives way then, and
 * after many tries in any case: who only trickles along must not keep the store for ever. One that cannot be resumed,
 * having no hash, gives way at once.
 */
static bool gives_way(mcuedit_smp *smp)
{
    if (!smp->config->store->has_sha256 || smp->stalled || smp->rivals >= RIVALS_MAX) {
        return true;
    }
    smp->stalled = 1;
    smp->rivals++;
    return false;
}

#if MCUEDIT_AUTHORITY
/* Uploads that were signed have MCUEDIT_OPEN, which is less than what all others have: MCUEDIT_LIMITED. */
MCUEDIT_STATIC_ASSERT(MCUEDIT_OPEN < MCUEDIT_LIMITED, what_was_signed_comes_first);

/* What was signed gives way to nothing that was not, and the other way round at once. */
static bool must_wait(mcuedit_smp *smp, int leave)
{
    return leave == smp->leave ? !gives_way(smp) : leave > smp->leave;
}

static void own(mcuedit_smp *smp, int leave)
{
    smp->owner = smp->peer;
    smp->leave = (uint8_t)leave;
}

/* The upload under way once more. One that was signed passes to another peer only if that has signed, too. */
static int go_on(mcuedit_smp *smp, int leave)
{
    if (leave <= smp->leave) {
        own(smp, leave);
    }
    return MCUEDIT_OK;
}

static int open_upload(mcuedit_smp *smp, int leave, const chunk *part, uint8_t *slot)
{
    own(smp, leave);
    return leave == MCUEDIT_OPEN ? mcuedit_store_begin(smp->config->store, part->size, part->sha256, slot)
                                 : mcuedit_store_begin_open(smp->config->store, part->size, part->sha256, slot);
}

static bool is_stranger(const mcuedit_smp *smp)
{
    return smp->peer != smp->owner;
}

/*
 * Chunks of others than whose upload it is are refused; so is a first one that must be signed and is not, or that would
 * take a slot and bring nothing.
 */
static int check_peer(const mcuedit_smp *smp, int leave, const chunk *part)
{
    if (part->offset == 0) {
        int err = leave == MCUEDIT_SIGNED ? MCUEDIT_E_AUTHORITY : MCUEDIT_SMP_INVALID;
        return leave == MCUEDIT_OPEN || (leave == MCUEDIT_LIMITED && part->data.len != 0) ? MCUEDIT_OK : err;
    }
    return smp->config->store->upload_size > 0 && is_stranger(smp) ? MCUEDIT_SMP_BUSY : MCUEDIT_OK;
}

#define LEAVE(exchange) ((exchange)->leave)
#else
#define LEAVE(exchange)              MCUEDIT_OPEN
#define check_peer(smp, leave, part) MCUEDIT_OK
#define is_stranger(smp)             false
#define go_on(smp, leave)            ((void)(leave), MCUEDIT_OK)
#define must_wait(smp, leave)        (!gives_way(smp))
#define open_upload(smp, leave, part, slot) \
    mcuedit_store_begin((smp)->config->store, (part)->size, (part)->sha256, slot)
#endif

/* Opens the upload that `part` starts, unless it goes on with the one under way. `*slot`: where its bytes are already.
 */
static int begin(mcuedit_smp *smp, int leave, const chunk *part, uint8_t *slot)
{
    mcuedit_store *store = smp->config->store;
    if (store->upload_size > 0) {
        if (part->size == store->upload_size && part->sha256 != NULL && store->has_sha256 &&
            mcuedit_smp_equal(part->sha256, store->sha256, SHA_SIZE)) {
            return go_on(smp, leave);
        }
        if (must_wait(smp, leave)) {
            return MCUEDIT_SMP_BUSY;
        }
    }
    smp->rivals = 0;
    smp->stalled = 0;
    smp->done = 0;
    return open_upload(smp, leave, part, slot);
}

/* Is it the last chunk of the last upload once more, because the answer to it got lost? */
static bool is_repeated_end(const mcuedit_smp *smp, const chunk *part)
{
    mcuedit_slot_info info;
    return smp->done > 0 && mcuedit_store_slot_info(smp->config->store, (uint8_t)(smp->done - 1), &info) == 0 &&
           part->offset < info.size && part->data.len == info.size - part->offset &&
           mcuedit_smp_equal(info.bytes + part->offset, part->data.value, (uint32_t)part->data.len);
}

int mcuedit_smp_upload(mcuedit_smp_exchange *exchange)
{
    mcuedit_smp *smp = exchange->smp;
    mcuedit_store *store = smp->config->store;
    chunk part = {0};
    uint8_t slot = 0;
    int err = read_chunk(exchange, &part);
    err = err ? err : check_peer(smp, LEAVE(exchange), &part);
    if (!err && part.offset == 0) {
        err = begin(smp, LEAVE(exchange), &part, &slot);
        if (err == MCUEDIT_STORE_THERE) {
            return answer(exchange, part.size, true);
        }
    }
    if (err) {
        return err;
    }
    if (store->upload_size == 0) {
        return is_repeated_end(smp, &part) ? answer(exchange, part.offset + (uint32_t)part.data.len, true)
                                           : answer(exchange, 0, false);
    }
    if (part.offset != store->upload_offset || is_stranger(smp)) {
        return answer(exchange, store->upload_offset, false);
    }
    err = mcuedit_store_append(store, part.offset, part.data.value, (uint32_t)part.data.len);
    if (err) {
        return err;
    }
    smp->stalled = part.data.len > 0 ? 0 : smp->stalled;
    if (store->upload_offset < store->upload_size) {
        return answer(exchange, store->upload_offset, false);
    }
    uint32_t size = store->upload_size;
    err = mcuedit_store_end(store, &slot);
    if (err) {
        return err;
    }
    smp->done = (uint8_t)(slot + 1);
    return answer(exchange, size, true);
}
