/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device's side of SMP, the Simple Management Protocol of mcumgr: messages in, messages out (SPEC.md, section 9).
 *
 * Nothing here does I/O: a datagram is a message as it is, serial lines are taken apart and put together by
 * mcuedit_smp_receive and mcuedit_smp_send. A receiver may be fed by an interrupt; messages are handled by the main
 * loop, between two inferences. CBOR is zcbor's, which the build finds (mcuedit/build/external/zcbor.py).
 */
#ifndef MCUEDIT_SMP_H
#define MCUEDIT_SMP_H

#include <stdint.h>

#include "mcuedit/authority.h"
#include "mcuedit/smp_protocol.h"
#include "mcuedit/store.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MCUEDIT_SMP_HEADER_SIZE  8

/* Least capacity for a response: any error fits into it. */
#define MCUEDIT_SMP_RESPONSE_MIN 48

/* The longest serial line that is sent, its two first bytes and line feed included. */
#define MCUEDIT_SMP_LINE         127

/* One inference on behalf of a host. The callback fills the second part. */
typedef struct {
    const uint8_t *input; /* the input tensor's bytes, or a prompt if `is_text` */
    uint32_t input_size;
    const uint8_t *who; /* user or context that picks the arm; NULL: the device does */
    uint32_t who_size;
    uint8_t is_text;

    uint8_t arm;
    uint8_t label_length;
    uint16_t answer;
    const char *label; /* NULL: the answer has no name */
    const int8_t *output;
    uint32_t output_size;
} mcuedit_smp_inference;

#if MCUEDIT_TEACHING
/* How far a device has come that is taught. */
typedef struct {
    uint32_t fixes; /* corrections that it was told */
    uint32_t step;  /* of its training */
    uint8_t more;   /* it has not ended */
} mcuedit_smp_training;
#endif

/* What the groups work on. All of it must outlive the server. */
typedef struct {
    mcuedit_store *store;
    const char *id;       /* of the device, text of at most 16 bytes */
    uint8_t boots;        /* that a trial has if the host does not say */
    uint8_t buffer_count; /* messages that the transport can hold */
    uint16_t buffer_size; /* bytes of the largest message that it takes */
    void *context;        /* for the callbacks, which may be NULL: their commands are then not supported */
    /* Resets the device once the response has left. A negative mcuedit_error refuses. */
    int (*reset)(void *context);
    int (*infer)(void *context, mcuedit_smp_inference *inference);
    /* The input of `given` is to get class `wanted`; negative: it was answered right. */
    int (*tell)(void *context, const mcuedit_smp_inference *given, int32_t wanted);
#if MCUEDIT_TEACHING
    /* Trains for about `macs` multiply-accumulates, 0: not at all. It fills in what it was told and how far it came. */
    int (*train)(void *context, uint32_t macs, mcuedit_smp_training *training);
    /* Begins the trial of what was trained, under a name if `name_size` is not 0. */
    int (*adopt)(void *context, const uint8_t *name, uint32_t name_size);
    /* Forgets what it was told and what was trained of it. */
    int (*forget)(void *context);
#endif
#if MCUEDIT_AUTHORITY
    const mcuedit_authority *authority; /* who may command what */
#endif
} mcuedit_smp_config;

#if MCUEDIT_AUTHORITY
/* What a nonce is of, hashed as it lies: little-endian, as the journal. */
typedef struct {
    uint8_t domain[4], chain[8];
    uint32_t sequence;
    uint32_t authorized; /* commands, in this boot */
    uint8_t secret[MCUEDIT_SECRET_SIZE];
} mcuedit_smp_nonce;
#endif

/* The state of a server beside that of the store. Fields are private. */
typedef struct {
    const mcuedit_smp_config *config;
    uint8_t rivals;  /* other uploads that were refused in favour of the one under way */
    uint8_t stalled; /* one of them was, and nothing came of this one since */
    uint8_t done;    /* 1 + slot of the last upload that came to its end; 0: none did since */
#if MCUEDIT_AUTHORITY
    uint8_t told;            /* the nonce was, in this boot: signatures are for it or a later one */
    uint8_t leave;           /* of the upload under way: MCUEDIT_OPEN if it was signed */
    uint32_t peer;           /* whom the request at hand is from */
    uint32_t owner;          /* who began the upload under way */
    uint32_t sequence;       /* of the log, at the last request */
    uint32_t age;            /* requests before this one since the nonce became what it is */
    mcuedit_smp_nonce nonce; /* of this boot */
#endif
} mcuedit_smp;

#define mcuedit_smp_init MCUEDIT_NAMED_BY_SMP(mcuedit_smp_init)
void mcuedit_smp_init(mcuedit_smp *smp, const mcuedit_smp_config *config);

/*
 * Handles one message of `size` bytes. Returns the size of the response in `response`; 0 if there is none to give: less
 * than MCUEDIT_SMP_RESPONSE_MIN bytes of capacity, a damaged header, or a response where a request should be.
 *
 * With MCUEDIT_AUTHORITY a request is answered in 14 bytes, too, and not carried out, where its response may not fit.
 * Give the transport's buffer, or MCUEDIT_SMP_AMPLIFIED(size) if that is less and anybody can send under the address of
 * another: nobody is then sent more than three times what somebody sent in their name.
 */
#define MCUEDIT_SMP_AMPLIFIED(size) (3u * (size))
uint32_t mcuedit_smp_handle(mcuedit_smp *smp, const uint8_t *request, uint32_t size, uint8_t *response,
                            uint32_t capacity);

#if MCUEDIT_AUTHORITY
/*
 * Whom the messages to come are from: any number that tells peers apart, such as a hash of address and port. An upload
 * belongs to the peer that began it. Transports that have one peer, as a serial line has, need not call it.
 */
static inline void mcuedit_smp_from(mcuedit_smp *smp, uint32_t peer)
{
    smp->peer = peer;
}
#endif

/* Puts messages together from serial lines, byte by byte. Fields are private. */
typedef struct {
    uint8_t *buffer; /* length, message, CRC */
    uint32_t bits;   /* of the base64 digits so far; the last `bit_count` make no byte yet */
    uint16_t capacity;
    uint16_t fill;
    uint8_t bit_count;
    uint8_t state;
    volatile uint8_t ready;
} mcuedit_smp_receiver;

/* Largest message: `capacity` - 4 bytes. */
void mcuedit_smp_receiver_init(mcuedit_smp_receiver *receiver, uint8_t *buffer, uint16_t capacity);

/*
 * Takes a byte from the line. Whatever is no frame, too long or damaged is dropped; the next first line starts anew.
 * While a message waits, all bytes are dropped. Returns 1 if a message waits.
 */
int mcuedit_smp_receive(mcuedit_smp_receiver *receiver, uint8_t byte);

/* The message that waits: `*size` bytes. NULL if there is none. */
const uint8_t *mcuedit_smp_message(const mcuedit_smp_receiver *receiver, uint32_t *size);

/* Drops it: the receiver takes bytes again. */
void mcuedit_smp_release(mcuedit_smp_receiver *receiver);

/* Writes a message as serial lines. */
void mcuedit_smp_send(const uint8_t *message, uint32_t size, void (*write)(void *context, uint8_t byte), void *context);

#ifdef __cplusplus
}
#endif

#endif
