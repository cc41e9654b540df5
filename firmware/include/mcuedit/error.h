/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUEDIT_ERROR_H
#define MCUEDIT_ERROR_H

/* X(name, value, what happened). Values are part of the ABI: append only. */
#define MCUEDIT_ERRORS(X)                                                    \
    X(OK, 0, "no error")                                                     \
    X(E_SIZE, -1, "size and length field differ, or the bytes end too soon") \
    X(E_MAGIC, -2, "not an adapter, or another format version")              \
    X(E_CRC, -3, "CRC mismatch: corrupted")                                  \
    X(E_BASE, -4, "made for another base, or the base in flash is damaged")  \
    X(E_ALIGN, -5, "not at a 4-byte aligned address")                        \
    X(E_FIELD, -6, "a field is outside its range")                           \
    X(E_GEOMETRY, -7, "tap, target, shape or quantization do not fit")       \
    X(E_BOUND, -8, "an accumulator could overflow")                          \
    X(E_LABEL, -9, "malformed or contradictory label")                       \
    X(E_RANK, -10, "more active factors than the stack has room for")        \
    X(E_COMMAND, -11, "unknown or malformed command")                        \
    X(E_RUNTIME, -12, "the runtime cannot run the model: too little memory, or no such op")

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
