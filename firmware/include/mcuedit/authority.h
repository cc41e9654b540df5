/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may give commands (docs/spec/management.md): with MCUEDIT_AUTHORITY every request belongs to a class, and a
 * policy says for each class whether anybody may make it, an operator must have signed it, or nobody may.
 *
 * Operators have keys of their own, apart from those that sign packages. A signature is for one device, one command
 * and one moment: the device gives a nonce, which is another one after each command that was obeyed and each record of
 * the log.
 */
#ifndef MCUEDIT_AUTHORITY_H
#define MCUEDIT_AUTHORITY_H

#include <stdint.h>

#include "mcuedit/config.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * X(name, number, which requests) of the classes that a policy tells apart. Append only. Class 0 is that
 * of a command that none was given to: it is refused.
 */
#define MCUEDIT_SMP_ASKS(X)                                               \
    X(NOBODY, 0, "none: it is refused")                                   \
    X(ALWAYS, 1, "what a command is signed by, and what roots sign")      \
    X(READ, 2, "all that is read, and echo")                              \
    X(RUN, 3, "inferences")                                               \
    X(UPLOAD, 4, "the first chunk of an upload; the others belong to it") \
    X(ACTIVATE, 5, "activation")                                          \
    X(CONFIRM, 6, "confirmation")                                         \
    X(ROLLBACK, 7, "rollback")                                            \
    X(DROP, 8, "slots are revoked or erased")                             \
    X(IMAGES, 9, "mcumgr's own request that activates or confirms")       \
    X(OUTCOME, 10, "an answer is reported to be good or bad")             \
    X(TELL, 11, "teaching: what an input is to be answered with")         \
    X(RESET, 12, "reset")                                                 \
    X(REACTIVATE, 13, "a trial of packages that are older than what came after them begins")

enum {
#define MCUEDIT_SMP_ASKS_ENUM(name, number, text) MCUEDIT_ASKS_##name = (number),
    MCUEDIT_SMP_ASKS(MCUEDIT_SMP_ASKS_ENUM)
#undef MCUEDIT_SMP_ASKS_ENUM
        MCUEDIT_ASKS_END
};

#define MCUEDIT_SIGNATURE_SIZE 64
#define MCUEDIT_MAC_SIZE       32
#define MCUEDIT_SECRET_SIZE    16
#define MCUEDIT_IDENTITY_SIZE  32

/*
 * What a policy answers; a negative mcuedit_error refuses, signed or not. Uploads know MCUEDIT_LIMITED, too: what
 * nobody signed takes an empty slot or none, and erases little (config.h: MCUEDIT_OPEN_ERASES).
 */
enum { MCUEDIT_OPEN, MCUEDIT_LIMITED, MCUEDIT_SIGNED };

/* What authority is judged by. Callbacks and pointers may be NULL where nothing else is said. */
typedef struct {
    void *context;             /* for the callbacks */
    const uint8_t (*keys)[32]; /* Ed25519 public keys of operators */
    uint8_t key_count;
    /*
     * What requests of this class (MCUEDIT_ASKS_...) need now. Asked at any request, and to tell a host about all of
     * them: it must change nothing. For those that a button or a channel of your own lets through, answer
     * MCUEDIT_OPEN while it does. NULL: mcuedit_authority_usual.
     */
    int (*policy)(void *context, uint8_t asks);
    /*
     * The MAC of 32 bytes by a key that this device alone shares with its operator, for parts that hold one:
     * crypto.h has HMAC-SHA-256, crypto/mcuedit_psa.h that of PSA. 0 if there is one. NULL: signatures only.
     */
    int (*mac)(void *context, const uint8_t digest[32], uint8_t mac[MCUEDIT_MAC_SIZE]);
    /*
     * Random bytes that nobody can foresee; 0 if they are. NULL, or where it fails: the first nonce of each boot writes
     * a record to the log, so that none comes back.
     */
    int (*random)(void *context, void *bytes, uint32_t size);
    /*
     * The proof of `digest` by this device's own key, and its size: an Ed25519 signature, which a secure element, PSA
     * or crypto.h makes, of MCUEDIT_SIGNATURE_SIZE, or a MAC of MCUEDIT_MAC_SIZE by a key that hosts know. A negative
     * mcuedit_error: none is to be had. NULL: it proves nothing that it answers.
     */
    int (*prove)(void *context, const uint8_t digest[32], uint8_t proof[MCUEDIT_SIGNATURE_SIZE]);
    const uint8_t *identity; /* the public key of these signatures, MCUEDIT_IDENTITY_SIZE bytes; NULL for MACs */
} mcuedit_authority;

/*
 * What is in force without a policy: all may read and run, uploads that nobody signed are limited, everything else is
 * signed. A policy of your own answers what it does not decide with this.
 */
static inline int mcuedit_authority_usual(uint8_t asks)
{
    return asks <= MCUEDIT_ASKS_RUN ? MCUEDIT_OPEN : asks == MCUEDIT_ASKS_UPLOAD ? MCUEDIT_LIMITED : MCUEDIT_SIGNED;
}

#ifdef __cplusplus
}
#endif

#endif
