/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Update packages: MCUboot images that carry one adapter (SPEC.md, section 7). Read in place, from flash: a
 * mcuedit_package points into the bytes it was made from. Nothing here writes or keeps anything.
 *
 * What is checked, in this order: length and header, TLV bounds, (parse) hash, key, signature, base, (check) and then
 * by the caller, who knows them: the security counter, the adapter (mcuedit_adapter_open), a dry run.
 */
#ifndef MCUEDIT_PACKAGE_H
#define MCUEDIT_PACKAGE_H

#include <stdint.h>

#include "mcuedit/mcuedit.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MCUEDIT_PACKAGE_HEADER_SIZE 32
#define MCUEDIT_PACKAGE_NAME_MAX    24

/* Bytes of a package that are neither payload nor name. */
#define MCUEDIT_PACKAGE_OVERHEAD    260

/*
 * Whom a device trusts, and its cryptography. crypto.h has functions that fit; so do a few lines around PSA or
 * Mbed TLS. Without keys nothing is accepted, unless package.c is compiled with MCUEDIT_STORE_DEVELOPMENT: then no key
 * and no signature is looked at.
 */
typedef struct {
    void *context;             /* for the two callbacks */
    const uint8_t (*keys)[32]; /* Ed25519 public keys; more than one while keys are rotated */
    uint8_t key_count;
    void (*sha256)(void *context, const void *bytes, uint32_t size, uint8_t digest[32]);
    /* 0: the signature is good. */
    int (*verify)(void *context, const uint8_t key[32], const uint8_t signature[64], const void *message,
                  uint32_t size);
} mcuedit_trust;

/* A package of correct form. The pointers are into its bytes; those without `aligned` may have any address. */
typedef struct {
    const uint8_t *bytes; /* aligned */
    uint32_t size;
    const uint8_t *adapter; /* aligned */
    uint32_t adapter_size;
    const uint8_t *self_test; /* aligned; NULL: it has none */
    uint32_t counter;         /* security counter */
    const uint8_t *version;   /* aligned: u8 major, u8 minor, u16 revision, u32 build */
    const uint8_t *name;      /* `name_length` bytes of a-z 0-9 . _ -, not terminated */
    uint8_t name_length;      /* 1..MCUEDIT_PACKAGE_NAME_MAX */
    const uint8_t *base;      /* 32 bytes: SHA-256 of the base */
    const uint8_t *manifest;  /* 32 bytes: SHA-256 of what the host's registry says of it */
    const uint8_t *digest;    /* 32 bytes: SHA-256 of all before the last TLVs; what is signed */
    const uint8_t *key_hash;  /* 32 bytes: SHA-256 of the signer's public key, as a DER SubjectPublicKeyInfo */
    const uint8_t *signature; /* 64 bytes */
} mcuedit_package;

/*
 * Checks the form of `bytes` (4-byte aligned, `size` bytes): exactly the TLVs of SPEC.md, in order, no byte more.
 * MCUEDIT_E_ALIGN, _E_SIZE (too short, or its lengths say another size), _E_MAGIC or _E_FORM; `package` is then
 * undefined.
 */
int mcuedit_package_parse(mcuedit_package *package, const void *bytes, uint32_t size);

/*
 * The same, then hash (MCUEDIT_E_HASH), key (_E_KEY), signature (_E_SIGNATURE) and base (_E_BASE). What comes after
 * that (the counter, mcuedit_adapter_open, a dry run) is left to the caller.
 */
int mcuedit_package_check(mcuedit_package *package, const mcuedit_trust *trust, const mcuedit_base *base,
                          const void *bytes, uint32_t size);

enum { MCUEDIT_SELF_TEST_CHANGED = 1, MCUEDIT_SELF_TEST_UNCHANGED = 2 };

/* An input whose answer is known: with the adapter active the base must answer `answer`. */
typedef struct {
    uint8_t kind;    /* MCUEDIT_SELF_TEST_CHANGED: the base alone says another; _UNCHANGED: it says the same */
    uint16_t answer; /* a class */
    uint16_t count;  /* of `steps` */
    const uint8_t *steps;
} mcuedit_self_test_case;

/* Case `index` (from 0) of the self-test of a parsed package. 1: `test` is it; 0: there is none of that index. */
int mcuedit_self_test_read(const mcuedit_package *package, uint8_t index, mcuedit_self_test_case *test);

/*
 * Writes the input of a case: `size` elements at `x`, those that it does not name being `zero_point`.
 * MCUEDIT_E_SELF_TEST if it names one that the input does not have.
 */
int mcuedit_self_test_expand(const mcuedit_self_test_case *test, int8_t *x, uint32_t size, int8_t zero_point);

#ifdef __cplusplus
}
#endif

#endif
