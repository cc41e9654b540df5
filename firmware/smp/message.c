/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to responses: header, the command's handler, errors (SPEC.md, section 9). */
#include "authority.h"
#include "message.h"

#define OP_READ       0u
#define OP_WRITE      2u
#define VERSION_SHIFT 3
#define VERSION_MASK  0x3u
#define VERSION_2     1u
#define RESERVED_MASK 0xE0u

#define GROUP_OS      0u
#define GROUP_IMAGE   1u

typedef struct {
    uint8_t op;
    uint8_t version;
    uint16_t group;
    uint8_t command;
} header;

void mcuedit_smp_init(mcuedit_smp *smp, const mcuedit_smp_config *config)
{
    *smp = (mcuedit_smp){.config = config};
}

bool mcuedit_smp_put_key(mcuedit_smp_exchange *exchange, const char *key)
{
    return zcbor_tstr_encode_ptr(exchange->out, key, mcuedit_smp_length(key));
}

bool mcuedit_smp_put_uint(mcuedit_smp_exchange *exchange, const char *key, uint32_t value)
{
    return mcuedit_smp_put_key(exchange, key) && zcbor_uint32_put(exchange->out, value);
}

bool mcuedit_smp_put_bool(mcuedit_smp_exchange *exchange, const char *key, bool value)
{
    return mcuedit_smp_put_key(exchange, key) && zcbor_bool_put(exchange->out, value);
}

bool mcuedit_smp_put_bytes(mcuedit_smp_exchange *exchange, const char *key, const void *bytes, uint32_t size)
{
    return mcuedit_smp_put_key(exchange, key) && zcbor_bstr_encode_ptr(exchange->out, bytes, size);
}

bool mcuedit_smp_put_text(mcuedit_smp_exchange *exchange, const char *key, const char *text, uint32_t length)
{
    return mcuedit_smp_put_key(exchange, key) && zcbor_tstr_encode_ptr(exchange->out, text, length);
}

static bool decode(zcbor_state_t *in, mcuedit_smp_field *field)
{
    if (field->present) {
        return false;
    }
    field->present = true;
    switch (field->type) {
    case MCUEDIT_SMP_UINT:
        return zcbor_uint32_decode(in, field->value);
    case MCUEDIT_SMP_BOOL:
        return zcbor_bool_decode(in, field->value);
    case MCUEDIT_SMP_BYTES:
        return zcbor_bstr_decode(in, field->value);
    default:
        return zcbor_tstr_decode(in, field->value);
    }
}

/* zcbor would skip lists and maps by recursion, which a request could nest as deep as it is long. */
static bool skip(zcbor_state_t *in)
{
    if (in->payload == in->payload_end) {
        return false;
    }
    switch (ZCBOR_MAJOR_TYPE(*in->payload)) {
    case ZCBOR_MAJOR_TYPE_LIST:
    case ZCBOR_MAJOR_TYPE_MAP:
    case ZCBOR_MAJOR_TYPE_TAG:
        return false;
    default:
        return zcbor_any_skip(in, NULL);
    }
}

static bool is_key(const struct zcbor_string *key, const char *name)
{
    return key->len == mcuedit_smp_length(name) &&
           mcuedit_smp_equal(key->value, (const uint8_t *)name, (uint32_t)key->len);
}

int mcuedit_smp_fields(const mcuedit_smp_exchange *exchange, mcuedit_smp_field *fields, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        fields[i].present = false;
    }
    if (exchange->body_size == 0) {
        return MCUEDIT_OK;
    }
    ZCBOR_STATE_D(in, 1, exchange->body, exchange->body_size, 1, 0);
    if (!zcbor_map_start_decode(in)) {
        return MCUEDIT_SMP_INVALID;
    }
    while (!zcbor_array_at_end(in)) {
        struct zcbor_string key;
        if (!zcbor_tstr_decode(in, &key)) {
            return MCUEDIT_SMP_INVALID;
        }
        uint32_t i = 0;
        while (i < count && !is_key(&key, fields[i].key)) {
            i++;
        }
        if (!(i < count ? decode(in, &fields[i]) : skip(in))) {
            return MCUEDIT_SMP_INVALID;
        }
    }
    return zcbor_map_end_decode(in) && zcbor_payload_at_end(in) ? MCUEDIT_OK : MCUEDIT_SMP_INVALID;
}

/* A handler and the class of its requests; NULL if there is none. */
typedef struct {
    mcuedit_smp_handler *handler;
#if MCUEDIT_AUTHORITY
    uint8_t asks;
#endif
} carrier;

#if MCUEDIT_AUTHORITY
#define CLASSES(of) classes = (of)
#else
#define CLASSES(of) (void)0
#endif

static carrier find_carrier(const header *head)
{
    const mcuedit_smp_command *commands;
    uint8_t count;
#if MCUEDIT_AUTHORITY
    const uint8_t *classes;
#endif
    switch (head->group) {
    case GROUP_OS:
        commands = mcuedit_smp_os;
        count = mcuedit_smp_os_count;
        CLASSES(mcuedit_smp_os_asks);
        break;
    case GROUP_IMAGE:
        commands = mcuedit_smp_image;
        count = mcuedit_smp_image_count;
        CLASSES(mcuedit_smp_image_asks);
        break;
    case MCUEDIT_SMP_GROUP:
        commands = mcuedit_smp_user;
        count = mcuedit_smp_user_count;
        CLASSES(mcuedit_smp_user_asks);
        break;
    default:
        return (carrier){.handler = NULL};
    }
    if (head->command >= count) {
        return (carrier){.handler = NULL};
    }
    const mcuedit_smp_command *command = &commands[head->command];
    carrier found = {.handler = head->op == OP_READ ? command->read : command->write};
#if MCUEDIT_AUTHORITY
    found.asks = head->op == OP_WRITE                      ? classes[head->command]
                 : found.handler == mcuedit_smp_tell_nonce ? MCUEDIT_ASKS_ALWAYS
                                                           : MCUEDIT_ASKS_READ;
#endif
    return found;
}

static int carry_out(mcuedit_smp_exchange *exchange, const header *head)
{
    carrier found = find_carrier(head);
    if (head->version > VERSION_2) {
        return MCUEDIT_SMP_TOO_NEW;
    }
    if (!found.handler) {
        return MCUEDIT_SMP_UNSUPPORTED;
    }
#if MCUEDIT_AUTHORITY
    int err = mcuedit_smp_authorize(exchange, found.asks);
    if (err) {
        return err;
    }
#endif
#if MCUEDIT_IDENTITY
    err = found.handler(exchange);
    return err || head->op != OP_READ ? err : mcuedit_smp_prove(exchange);
#else
    return found.handler(exchange);
#endif
}

static void start(mcuedit_smp_exchange *exchange, uint8_t *body, uint32_t capacity)
{
    zcbor_new_encode_state(exchange->out, MCUEDIT_SMP_DEPTH + 2, body, capacity, 1);
}

/* Fits into any response: mcuedit_smp_handle demands so much capacity. */
static void put_error(mcuedit_smp_exchange *exchange, const header *head, int err)
{
    if (err > 0) {
        (void)mcuedit_smp_put_uint(exchange, MCUEDIT_SMP_KEY_CODE, (uint32_t)err);
    } else if (head->version == VERSION_2) {
        bool ok = mcuedit_smp_put_key(exchange, MCUEDIT_SMP_KEY_ERROR) && zcbor_map_start_encode(exchange->out, 2);
        ok = ok && mcuedit_smp_put_uint(exchange, MCUEDIT_SMP_KEY_GROUP, MCUEDIT_SMP_GROUP);
        ok = ok && mcuedit_smp_put_uint(exchange, MCUEDIT_SMP_KEY_CODE, (uint32_t)-err);
        (void)(ok && zcbor_map_end_encode(exchange->out, 2));
    } else {
        const char *name = mcuedit_error_name(err);
        (void)mcuedit_smp_put_uint(exchange, MCUEDIT_SMP_KEY_CODE, MCUEDIT_SMP_UNKNOWN);
        (void)mcuedit_smp_put_text(exchange, MCUEDIT_SMP_KEY_REASON, name, mcuedit_smp_length(name));
    }
}

#if MCUEDIT_AUTHORITY
#define RESPONSE_LEAST 14u /* MCUEDIT_SMP_TOO_LONG, where no other error may fit: nothing is carried out then */
#else
#define RESPONSE_LEAST MCUEDIT_SMP_RESPONSE_MIN
#endif

static uint32_t respond(mcuedit_smp_exchange *exchange, const header *head, uint8_t *body, uint32_t capacity)
{
#if MCUEDIT_IDENTITY
    exchange->answer = body;
#endif
    start(exchange, body, capacity);
    bool ok = zcbor_map_start_encode(exchange->out, ZCBOR_LARGE_ELEM_COUNT);
#if MCUEDIT_AUTHORITY
    bool fits = capacity >= MCUEDIT_SMP_RESPONSE_MIN - MCUEDIT_SMP_HEADER_SIZE;
    int err = fits ? carry_out(exchange, head) : MCUEDIT_SMP_TOO_LONG;
#else
    int err = carry_out(exchange, head);
#endif
    if (!err) {
        ok = ok && zcbor_map_end_encode(exchange->out, ZCBOR_LARGE_ELEM_COUNT);
        err = mcuedit_smp_done(ok);
    }
    if (err) {
        start(exchange, body, capacity);
        (void)zcbor_map_start_encode(exchange->out, ZCBOR_LARGE_ELEM_COUNT);
        put_error(exchange, head, err);
        (void)zcbor_map_end_encode(exchange->out, ZCBOR_LARGE_ELEM_COUNT);
    }
    return (uint32_t)(exchange->out->payload - body);
}

uint32_t mcuedit_smp_handle(mcuedit_smp *smp, const uint8_t *request, uint32_t size, uint8_t *response,
                            uint32_t capacity)
{
    if (size < MCUEDIT_SMP_HEADER_SIZE || capacity < RESPONSE_LEAST) {
        return 0;
    }
    header head = {
        .op = request[0] & MCUEDIT_SMP_OP,
        .version = request[0] >> VERSION_SHIFT & VERSION_MASK,
        .group = (uint16_t)(request[4] << 8 | request[5]),
        .command = request[7],
    };
    uint32_t length = (uint32_t)(request[2] << 8 | request[3]);
    if ((head.op != OP_READ && head.op != OP_WRITE) || (request[0] & RESERVED_MASK) != 0 ||
        length != size - MCUEDIT_SMP_HEADER_SIZE) {
        return 0;
    }
#if MCUEDIT_AUTHORITY
    mcuedit_smp_count(smp);
#endif
    mcuedit_smp_exchange exchange = {.smp = smp, .body = request + MCUEDIT_SMP_HEADER_SIZE, .body_size = length};
    uint8_t sequence = request[6];
    capacity = capacity > UINT16_MAX ? UINT16_MAX : capacity;
    uint32_t made = respond(&exchange, &head, response + MCUEDIT_SMP_HEADER_SIZE, capacity - MCUEDIT_SMP_HEADER_SIZE);
    response[0] = (uint8_t)((head.op + 1u) | (uint32_t)head.version << VERSION_SHIFT);
    response[1] = 0;
    response[2] = (uint8_t)(made >> 8);
    response[3] = (uint8_t)made;
    response[4] = (uint8_t)(head.group >> 8);
    response[5] = (uint8_t)head.group;
    response[6] = sequence;
    response[7] = head.command;
    return made + MCUEDIT_SMP_HEADER_SIZE;
}
