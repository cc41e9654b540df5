/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every option of the library, with its default. Set them alike for the library and for all that includes its headers,
 * by -D or with -DMCUEDIT_USER_CONFIG in your mcuedit_user_config.h. Values are plain numbers. Options that change a
 * structure are part of the names of the functions that set it up: what was built with others does not link.
 */
#ifndef MCUEDIT_CONFIG_H
#define MCUEDIT_CONFIG_H

#ifdef MCUEDIT_USER_CONFIG
#include "mcuedit_user_config.h"
#endif

/* -- Of structures: library and application must agree. -- */

/* Slots of a store at most: a multiple of 4 up to 16. */
#ifndef MCUEDIT_STORE_SLOTS
#define MCUEDIT_STORE_SLOTS 8
#endif

/* Adapters that a store parses at once, of the confirmed, the trial and the running set together. */
#ifndef MCUEDIT_STORE_VIEWS
#define MCUEDIT_STORE_VIEWS 4
#endif

/* 1: factors are trained in float instead of int16, for cores with an FPU. */
#ifndef MCUEDIT_TRAIN_FLOAT
#define MCUEDIT_TRAIN_FLOAT 0
#endif

/*
 * 1: commands that change something are obeyed only if an operator has signed them, or if the application's policy
 * says so (authority.h); erases that anybody can cause are bounded. 0: whoever reaches the device commands it.
 */
#ifndef MCUEDIT_AUTHORITY
#define MCUEDIT_AUTHORITY 0
#endif

/*
 * With MCUEDIT_AUTHORITY. 1: whoever reads may have the device prove, by a key of its own, that it is the one who
 * answers (authority.h). 0: it proves nothing.
 */
#ifndef MCUEDIT_IDENTITY
#define MCUEDIT_IDENTITY 0
#endif

/* 1: over SMP a device is not only told what is right, but made to train, adopt and forget, too (smp.h). */
#ifndef MCUEDIT_TEACHING
#define MCUEDIT_TEACHING 0
#endif

/*
 * 1: keys of packages can be revoked by a list that root keys have signed (store.h), without new firmware; records of
 * the journal are 64 bytes longer. 0: a stolen key stays trusted until the firmware is exchanged.
 */
#ifndef MCUEDIT_ROOTS
#define MCUEDIT_ROOTS 0
#endif

/* -- Of the library's own code. -- */

/* With MCUEDIT_AUTHORITY: erases of one slot in one boot for uploads that nobody signed, 0..255. */
#ifndef MCUEDIT_OPEN_ERASES
#define MCUEDIT_OPEN_ERASES 4
#endif

/* How far a security counter may lie above the highest one that was ever activated. */
#ifndef MCUEDIT_COUNTER_STEP
#define MCUEDIT_COUNTER_STEP 65536
#endif

/* 1: packages of a key that nobody trusts are accepted, and every report says so. */
#ifndef MCUEDIT_STORE_DEVELOPMENT
#define MCUEDIT_STORE_DEVELOPMENT 0
#endif

/* 1: mcuedit_error_name knows the errors of the core alone. */
#ifndef MCUEDIT_CORE_ERRORS_ONLY
#define MCUEDIT_CORE_ERRORS_ONLY 0
#endif

/*
 * 1: FULLY_CONNECTED takes four rows of weights at once, too, and cores with SMLAD requantize four sums in line. By
 * default where the compiler does not optimize for size.
 */
#ifndef MCUEDIT_FAST_MATMUL
#ifdef __OPTIMIZE_SIZE__
#define MCUEDIT_FAST_MATMUL 0
#else
#define MCUEDIT_FAST_MATMUL 1
#endif
#endif

/*
 * On cores with SMLAD, the widest input of deltas that is unpacked, a multiple of 32: 2 bytes of call stack for each
 * element. 0 takes the code for it out, 250 bytes, against a quarter of the time of many rows.
 */
#ifndef MCUEDIT_UNPACK_MAX
#ifdef __OPTIMIZE_SIZE__
#define MCUEDIT_UNPACK_MAX 0
#else
#define MCUEDIT_UNPACK_MAX 256
#endif
#endif

/* 1: CMSIS-NN's kernels are called where they give the same bytes. */
#ifndef MCUEDIT_CMSIS_NN
#define MCUEDIT_CMSIS_NN 0
#endif

/* Bytes of static memory for CMSIS-NN's constants and buffers; ops that take more are run by ours. */
#ifndef MCUEDIT_CMSIS_NN_WORKSPACE
#define MCUEDIT_CMSIS_NN_WORKSPACE 49152
#endif

/* 1: generated code calls mcuedit_trace(), which is yours, before an inference and after each of its stages. */
#ifndef MCUEDIT_TRACE
#define MCUEDIT_TRACE 0
#endif

/* A name that carries options: `mcuedit_store_open_slots8_views4`. */
#define MCUEDIT_PASTE_(a, b, c, d, e, f, g) a##b##c##d##e##f##g
#define MCUEDIT_PASTE(a, b, c, d, e, f, g)  MCUEDIT_PASTE_(a, b, c, d, e, f, g)
#if MCUEDIT_AUTHORITY
#define MCUEDIT_BY_AUTHORITY _authority
#else
#define MCUEDIT_BY_AUTHORITY
#endif
#if MCUEDIT_TEACHING
#define MCUEDIT_BY_TEACHING _teaching
#else
#define MCUEDIT_BY_TEACHING
#endif
#if MCUEDIT_ROOTS
#define MCUEDIT_BY_ROOTS _roots
#else
#define MCUEDIT_BY_ROOTS
#endif
#define MCUEDIT_NAMED_BY_STORE(name)                                                                    \
    MCUEDIT_PASTE(name, _slots, MCUEDIT_STORE_SLOTS, _views, MCUEDIT_STORE_VIEWS, MCUEDIT_BY_AUTHORITY, \
                  MCUEDIT_BY_ROOTS)
#define MCUEDIT_NAMED_BY_SMP(name)      MCUEDIT_PASTE(name, MCUEDIT_BY_AUTHORITY, MCUEDIT_BY_TEACHING, , , , )
#define MCUEDIT_NAMED_BY_TRAINING(name) MCUEDIT_PASTE(name, _float, MCUEDIT_TRAIN_FLOAT, , , , )

#endif
