/* SPDX-License-Identifier: Apache-2.0 */
/* Who may command what (docs/spec/management.md): nonces, and signatures or MACs over commands. */
#include "authority.h"

#if MCUEDIT_AUTHORITY

#include "../store/journal.h"

#define HASH_SIZE   32u
#define ID_MAX      16u
#define NONCE_SIZE  16u
#define WITHIN_SIZE 4u
#define END_OF_MAP  0xFFu /* of a map that does not say its length */

MCUEDIT_STATIC_ASSERT(sizeof(mcuedit_smp_nonce) == 36, nonce_has_no_gaps);

/* What a signature is over. */
typedef struct {
    uint8_t domain[4], base[HASH_SIZE], id[ID_MAX], nonce[NONCE_SIZE], head[4], body[HASH_SIZE];
} message_parts;

static const mcuedit_authority *authority_of(const mcuedit_smp *smp)
{
    return smp->config->authority;
}

static int leave_for(const mcuedit_authority *authority, uint8_t asks)
{
    if (asks <= MCUEDIT_ASKS_ALWAYS) {
        return asks == MCUEDIT_ASKS_ALWAYS ? MCUEDIT_OPEN : MCUEDIT_E_AUTHORITY;
    }
    return authority->policy ? authority->policy(authority->context, asks) : mcuedit_authority_usual(asks);
}

static void hash(const mcuedit_smp *smp, const void *bytes, uint32_t size, uint8_t digest[HASH_SIZE])
{
    const mcuedit_trust *trust = smp->config->store->config->trust;
    trust->sha256(trust->context, bytes, size, digest);
}

/* Its first half is the nonce. */
static void make_nonce(mcuedit_smp *smp, uint8_t nonce[HASH_SIZE])
{
    const mcuedit_store_state *state = mcuedit_store_status(smp->config->store);
    MCUEDIT_COPY(smp->nonce.domain, "mcuN", sizeof(smp->nonce.domain));
    MCUEDIT_COPY(smp->nonce.chain, state->chain, sizeof(state->chain));
    smp->nonce.sequence = state->sequence;
    hash(smp, &smp->nonce, sizeof(smp->nonce), nonce);
}

/* Sees to it that no nonce of an earlier boot is given again. */
static int start(mcuedit_smp *smp)
{
    const mcuedit_authority *authority = authority_of(smp);
    mcuedit_record record;
    int err = MCUEDIT_OK;
    if (!smp->told &&
        (!authority->random || authority->random(authority->context, smp->nonce.secret, MCUEDIT_SECRET_SIZE))) {
        mcuedit_journal_begin(smp->config->store, &record, MCUEDIT_LOG_SESSION, MCUEDIT_NO_SLOT);
        err = mcuedit_journal_append(smp->config->store, &record);
    }
    smp->told = smp->told || !err;
    return err;
}

int mcuedit_smp_tell_nonce(mcuedit_smp_exchange *exchange)
{
    const mcuedit_smp_config *config = exchange->smp->config;
    const mcuedit_authority *authority = config->authority;
    uint32_t asked = 0;
    uint8_t nonce[HASH_SIZE];
    int err = start(exchange->smp);
    if (err) {
        return err;
    }
    for (uint8_t asks = MCUEDIT_ASKS_READ; asks < MCUEDIT_ASKS_END; asks++) {
        asked |= (leave_for(authority, asks) == MCUEDIT_SIGNED ? 1u : 0u) << asks;
    }
    make_nonce(exchange->smp, nonce);
    bool ok = mcuedit_smp_put_identity(exchange);
    ok = ok && mcuedit_smp_put_bytes(exchange, MCUEDIT_SMP_KEY_NONCE, nonce, NONCE_SIZE);
    return mcuedit_smp_done(ok && mcuedit_smp_put_uint(exchange, MCUEDIT_SMP_KEY_SIGNED, asked));
}

void mcuedit_smp_count(mcuedit_smp *smp)
{
    uint32_t sequence = mcuedit_store_status(smp->config->store)->sequence;
    smp->age = sequence != smp->sequence ? 0 : smp->age + (smp->age != UINT32_MAX ? 1u : 0u);
    smp->sequence = sequence;
}

/* The digest that stands for this device and message, `size` bytes of a body; `digest` begins with the nonce. */
static void make_digest(const mcuedit_smp_exchange *exchange, const char *domain, const uint8_t *body, size_t size,
                        uint8_t digest[HASH_SIZE])
{
    const mcuedit_smp_config *config = exchange->smp->config;
    const uint8_t *head = exchange->body - MCUEDIT_SMP_HEADER_SIZE;
    message_parts parts;
    MCUEDIT_FILL(&parts, 0, sizeof(parts));
    MCUEDIT_COPY(parts.domain, domain, sizeof(parts.domain));
    MCUEDIT_COPY(parts.base, mcuedit_smp_base(config), sizeof(parts.base));
    for (uint32_t i = 0; i < ID_MAX && config->id[i] != '\0'; i++) {
        parts.id[i] = (uint8_t)config->id[i];
    }
    MCUEDIT_COPY(parts.nonce, digest, sizeof(parts.nonce));
    parts.head[0] = head[0] & MCUEDIT_SMP_OP;
    parts.head[1] = head[4];
    parts.head[2] = head[5];
    parts.head[3] = head[7];
    hash(exchange->smp, body, (uint32_t)size, parts.body);
    hash(exchange->smp, &parts, sizeof(parts), digest);
}

static bool is_mac(const mcuedit_authority *authority, const uint8_t digest[HASH_SIZE], const uint8_t *given)
{
    uint8_t mac[MCUEDIT_MAC_SIZE], differs = 0;
    if (!authority->mac || authority->mac(authority->context, digest, mac)) {
        return false;
    }
    for (uint32_t i = 0; i < sizeof(mac); i++) { /* all of them: the time tells nothing */
        differs |= (uint8_t)(mac[i] ^ given[i]);
    }
    return differs == 0;
}

static bool is_by_operator(const mcuedit_smp *smp, const uint8_t digest[HASH_SIZE], const uint8_t *given, size_t size)
{
    const mcuedit_authority *authority = authority_of(smp);
    const mcuedit_trust *trust = smp->config->store->config->trust;
    if (size == MCUEDIT_MAC_SIZE) {
        return is_mac(authority, digest, given);
    }
    for (uint32_t i = 0; size == MCUEDIT_SIGNATURE_SIZE && i < authority->key_count; i++) {
        if (trust->verify(trust->context, authority->keys[i], given, digest, HASH_SIZE) == 0) {
            return true;
        }
    }
    return false;
}

int mcuedit_smp_authorize(mcuedit_smp_exchange *exchange, uint8_t asks)
{
    mcuedit_smp *smp = exchange->smp;
    struct zcbor_string auth;
    mcuedit_smp_field field = {MCUEDIT_SMP_KEY_AUTH, MCUEDIT_SMP_BYTES, &auth, false};
    uint8_t digest[HASH_SIZE];
    uint32_t within;
    exchange->leave = leave_for(authority_of(smp), asks);
    if (exchange->leave <= MCUEDIT_OPEN) {
        return exchange->leave;
    }
    int err = mcuedit_smp_fields(exchange, &field, 1);
    if (err) {
        return err;
    }
    if (!field.present) {
        return asks == MCUEDIT_ASKS_UPLOAD ? MCUEDIT_OK : MCUEDIT_E_AUTHORITY;
    }
    const uint8_t *given = auth.value + WITHIN_SIZE;
    const uint8_t *end = auth.value + auth.len, *all = exchange->body + exchange->body_size;
    bool is_last = end == all || (end + 1 == all && *end == END_OF_MAP);
    if (!is_last || !smp->told || auth.len < WITHIN_SIZE) {
        return MCUEDIT_E_AUTHORITY;
    }
    MCUEDIT_COPY(&within, auth.value, sizeof(within)); /* at any address */
    if (smp->age > within) {
        return MCUEDIT_E_STALE;
    }
    make_nonce(smp, digest);
    make_digest(exchange, "mcuC", exchange->body, (size_t)(given - exchange->body), digest);
    if (!is_by_operator(smp, digest, given, auth.len - WITHIN_SIZE)) {
        return MCUEDIT_E_AUTHORITY;
    }
    smp->nonce.authorized++;
    smp->sequence = UINT32_MAX; /* of no record: the next request is the first one with another nonce */
    exchange->leave = MCUEDIT_OPEN;
    return MCUEDIT_OK;
}

#if MCUEDIT_IDENTITY

int mcuedit_smp_tell_identity(mcuedit_smp_exchange *exchange)
{
    const mcuedit_authority *authority = authority_of(exchange->smp);
    if (!authority->prove) {
        return MCUEDIT_SMP_UNSUPPORTED;
    }
    bool ok = mcuedit_smp_put_identity(exchange);
    ok = ok && (!authority->identity ||
                mcuedit_smp_put_bytes(exchange, MCUEDIT_SMP_KEY_KEY, authority->identity, MCUEDIT_IDENTITY_SIZE));
    return mcuedit_smp_done(ok);
}

int mcuedit_smp_prove(mcuedit_smp_exchange *exchange)
{
    const mcuedit_authority *authority = authority_of(exchange->smp);
    struct zcbor_string nonce;
    mcuedit_smp_field field = {MCUEDIT_SMP_KEY_NONCE, MCUEDIT_SMP_BYTES, &nonce, false};
    uint8_t digest[HASH_SIZE], proof[MCUEDIT_SIGNATURE_SIZE];
    int err = authority->prove ? mcuedit_smp_fields(exchange, &field, 1) : MCUEDIT_OK;
    if (err || !field.present) {
        return err;
    }
    if (nonce.len != NONCE_SIZE) {
        return MCUEDIT_SMP_INVALID;
    }
    hash(exchange->smp, exchange->body, exchange->body_size, digest);
    make_digest(exchange, "mcuA", exchange->answer, (size_t)(exchange->out->payload - exchange->answer), digest);
    int size = authority->prove(authority->context, digest, proof);
    if (size < 0) {
        return size;
    }
    return mcuedit_smp_done(mcuedit_smp_put_bytes(exchange, MCUEDIT_SMP_KEY_PROOF, proof, (uint32_t)size));
}

#endif

#endif
