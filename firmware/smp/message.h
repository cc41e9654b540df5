/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUEDIT_SMP_MESSAGE_H
#define MCUEDIT_SMP_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "mcuedit/smp.h"
#include "zcbor_decode.h"
#include "zcbor_encode.h"

/* Errors of the protocol itself. */
enum {
    MCUEDIT_SMP_UNKNOWN = 1,
    MCUEDIT_SMP_INVALID = 3,  /* not CBOR, not a map, a field of another type, or one that is missing */
    MCUEDIT_SMP_MOVED_ON = 6, /* the device log has grown since what the request was made by */
    MCUEDIT_SMP_TOO_LONG = 7,
    MCUEDIT_SMP_UNSUPPORTED = 8,
    MCUEDIT_SMP_BUSY = 10,
    MCUEDIT_SMP_TOO_NEW = 13,
};

#define MCUEDIT_SMP_OP    0x07u /* bits of a header's first byte */
#define MCUEDIT_SMP_DEPTH 4     /* maps and lists of a response within each other, at most */

/* One request and the response in the making. */
typedef struct {
    mcuedit_smp *smp;
    const uint8_t *body; /* CBOR */
    uint32_t body_size;
#if MCUEDIT_AUTHORITY
    int leave; /* MCUEDIT_OPEN, or what else the policy says of an upload that is not signed */
#endif
#if MCUEDIT_IDENTITY
    const uint8_t *answer; /* the response's body */
#endif
    zcbor_state_t out[MCUEDIT_SMP_DEPTH + 2]; /* in the response's map */
} mcuedit_smp_exchange;

/* 0; a negative mcuedit_error; or one of the above. What it has put into the response is dropped on an error. */
typedef int mcuedit_smp_handler(mcuedit_smp_exchange *exchange);

/* What a group does for a command's number: NULL where there is nothing. */
typedef struct {
    mcuedit_smp_handler *read;
    mcuedit_smp_handler *write;
} mcuedit_smp_command;

extern const mcuedit_smp_command mcuedit_smp_os[];
extern const mcuedit_smp_command mcuedit_smp_image[];
extern const mcuedit_smp_command mcuedit_smp_user[];
extern const uint8_t mcuedit_smp_os_count;
extern const uint8_t mcuedit_smp_image_count;
extern const uint8_t mcuedit_smp_user_count;

#if MCUEDIT_AUTHORITY
/* Classes of what is written, MCUEDIT_ASKS_..., by the same numbers. A command without one is carried out by nobody. */
extern const uint8_t mcuedit_smp_os_asks[];
extern const uint8_t mcuedit_smp_image_asks[];
extern const uint8_t mcuedit_smp_user_asks[];
#endif

/* A field of a request's map and where its value goes: uint32_t, bool, or struct zcbor_string into the request. */
typedef enum { MCUEDIT_SMP_UINT, MCUEDIT_SMP_BOOL, MCUEDIT_SMP_BYTES, MCUEDIT_SMP_TEXT } mcuedit_smp_type;

typedef struct {
    const char *key;
    mcuedit_smp_type type;
    void *value;
    bool present; /* out */
} mcuedit_smp_field;

/*
 * Reads the request's map. Other fields than these are skipped if their value is a number, a string or simple; nesting
 * is refused, and so is a field that comes twice. Values that are absent are left as they are. 0 or
 * MCUEDIT_SMP_INVALID.
 */
int mcuedit_smp_fields(const mcuedit_smp_exchange *exchange, mcuedit_smp_field *fields, uint32_t count);

/* Puts a key and a value into the response. False if the response is full. */
bool mcuedit_smp_put_uint(mcuedit_smp_exchange *exchange, const char *key, uint32_t value);
bool mcuedit_smp_put_bool(mcuedit_smp_exchange *exchange, const char *key, bool value);
bool mcuedit_smp_put_bytes(mcuedit_smp_exchange *exchange, const char *key, const void *bytes, uint32_t size);
bool mcuedit_smp_put_text(mcuedit_smp_exchange *exchange, const char *key, const char *text, uint32_t length);
bool mcuedit_smp_put_key(mcuedit_smp_exchange *exchange, const char *key);

/* For handlers that have put all they have to say: 0 if it fitted in. */
static inline int mcuedit_smp_done(bool ok)
{
    return ok ? MCUEDIT_OK : MCUEDIT_SMP_TOO_LONG;
}

static inline uint32_t mcuedit_smp_length(const char *text)
{
    uint32_t length = 0;
    while (text[length] != '\0') {
        length++;
    }
    return length;
}

/* SHA-256 of the base that the store's packages are checked against. */
static inline const uint8_t *mcuedit_smp_base(const mcuedit_smp_config *config)
{
    return config->store->config->active->base->sha256;
}

#if MCUEDIT_AUTHORITY
/* Base and id of the device. */
bool mcuedit_smp_put_identity(mcuedit_smp_exchange *exchange);
#endif

static inline bool mcuedit_smp_equal(const uint8_t *left, const uint8_t *right, uint32_t size)
{
    uint32_t i = 0;
    while (i < size && left[i] == right[i]) {
        i++;
    }
    return i == size;
}

#endif
