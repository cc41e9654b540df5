/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUEDIT_ERROR_H
#define MCUEDIT_ERROR_H

/*
 * X(name, value, what happened). Values are part of the ABI: append only, each one less than the one before.
 *
 * The core's own. Firmware that compiles its adapters in and never trains gives no other; error.c compiled with
 * MCUEDIT_CORE_ERRORS_ONLY names no other.
 */
#define MCUEDIT_CORE_ERRORS(X)                                               \
    X(OK, 0, "no error")                                                     \
    X(E_SIZE, -1, "size and length field differ, or the bytes end too soon") \
    X(E_MAGIC, -2, "not an adapter or package, or another format version")   \
    X(E_CRC, -3, "CRC mismatch: corrupted")                                  \
    X(E_BASE, -4, "made for another base, or the base in flash is damaged")  \
    X(E_ALIGN, -5, "not at a 4-byte aligned address")                        \
    X(E_FIELD, -6, "a field is outside its range")                           \
    X(E_GEOMETRY, -7, "tap, target, shape or quantization do not fit")       \
    X(E_BOUND, -8, "an accumulator could overflow")                          \
    X(E_LABEL, -9, "malformed or contradictory label")                       \
    X(E_RANK, -10, "more active factors than the context has room for")      \
    X(E_COMMAND, -11, "unknown or malformed command")                        \
    X(E_RUNTIME, -12, "the runtime cannot run the model: too little memory, or no such op")

/* Of packages, stores and training. */
#define MCUEDIT_MORE_ERRORS(X)                                                                           \
    X(E_FLASH, -13, "the flash could not be read, programmed or erased")                                 \
    X(E_FORM, -14, "not of the form of a package: a field, a TLV, the name or the self-test")            \
    X(E_HASH, -15, "the package's hash is not that of its bytes")                                        \
    X(E_KEY, -16, "not signed by a key that this device trusts, or it has none")                         \
    X(E_SIGNATURE, -17, "the signature is not that of the key")                                          \
    X(E_COUNTER, -18, "security counter too low, or too far ahead")                                      \
    X(E_NAME, -19, "no such name, or two active adapters of one name")                                   \
    X(E_STATE, -20, "not possible in the present state")                                                 \
    X(E_FULL, -21, "no free slot, or more adapters than fit at once")                                    \
    X(E_SELF_TEST, -22, "the self-test was not answered as the package says, or does not fit the input") \
    X(E_REVOKED, -23, "was revoked or rolled back")                                                      \
    X(E_BUSY, -24, "in use by the running inference: again after it")                                    \
    X(E_CAPACITY, -25, "the workspace is too small")                                                     \
    X(E_REPLAY, -26, "too few confirmed inputs to train beside, or too many would change")               \
    X(E_CONTRADICTION, -27, "one input is to get two answers")                                           \
    X(E_CLASS, -28, "no such class")                                                                     \
    X(E_DIVERGED, -29, "training diverged")                                                              \
    X(E_SATURATED, -30, "a factor reached its limit")                                                    \
    X(E_UNLEARNED, -31, "the corrections are not learned within the steps")

/* Of commands that need authority (config.h: MCUEDIT_AUTHORITY). */
#define MCUEDIT_AUTHORITY_ERRORS(X)                                                                \
    X(E_AUTHORITY, -32, "not authorized: no signature, or not one of an operator for this moment") \
    X(E_STALE, -33, "authorized for fewer requests than the device has handled since")             \
    X(E_WEAR, -34, "no slot may be erased any more for uploads without a signature")

#define MCUEDIT_ERRORS(X) MCUEDIT_CORE_ERRORS(X) MCUEDIT_MORE_ERRORS(X) MCUEDIT_AUTHORITY_ERRORS(X)

typedef enum {
#define MCUEDIT_ERROR_ENUM(name, value, text) MCUEDIT_##name = (value),
    MCUEDIT_ERRORS(MCUEDIT_ERROR_ENUM)
#undef MCUEDIT_ERROR_ENUM
} mcuedit_error;

#ifdef __cplusplus
extern "C" {
#endif

/* Name without prefix ("E_CRC") and description; "unknown" for any other value. */
const char *mcuedit_error_name(int error);
const char *mcuedit_error_text(int error);

#ifdef __cplusplus
}
#endif

#endif
