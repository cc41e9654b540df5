/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is spelled differently by compilers, and nothing else is: GCC, clang (armclang too), IAR, Microsoft's for hosts.
 * For another one this is the file to extend; what is empty costs speed or size, never correctness. Attributes stand
 * before the type.
 */
#ifndef MCUEDIT_COMPILER_H
#define MCUEDIT_COMPILER_H

#if defined(__GNUC__) || defined(__clang__)
#define MCUEDIT_ALIGNED(bytes)           __attribute__((aligned(bytes)))
#define MCUEDIT_ALWAYS_INLINE            __attribute__((always_inline))
#define MCUEDIT_NOINLINE                 __attribute__((noinline))
#define MCUEDIT_NORETURN                 __attribute__((noreturn))
#define MCUEDIT_PURE                     __attribute__((pure))
#define MCUEDIT_EXPORT                   __attribute__((visibility("default")))
#define MCUEDIT_EXPECT(value, likely)    __builtin_expect(value, likely)
#define MCUEDIT_AT_ALIGNED(place, bytes) __builtin_assume_aligned(place, bytes)
#define MCUEDIT_COPY(to, from, size)     __builtin_memcpy(to, from, size)
#define MCUEDIT_FILL(to, byte, size)     __builtin_memset(to, byte, size)
#define MCUEDIT_COMPARE(a, b, size)      __builtin_memcmp(a, b, size)
#else
#include <string.h>
#if defined(__ICCARM__)
#define MCUEDIT_ALIGNED(bytes) __attribute__((aligned(bytes)))
#define MCUEDIT_NOINLINE       __attribute__((noinline))
#define MCUEDIT_NORETURN       __attribute__((noreturn))
#define MCUEDIT_EXPORT
#elif defined(_MSC_VER)
#define MCUEDIT_ALIGNED(bytes) __declspec(align(bytes))
#define MCUEDIT_NOINLINE       __declspec(noinline)
#define MCUEDIT_NORETURN       __declspec(noreturn)
#define MCUEDIT_EXPORT         __declspec(dllexport)
#else
#error "mcuedit/compiler.h does not know this compiler: say here how it aligns variables"
#endif
#define MCUEDIT_ALWAYS_INLINE
#define MCUEDIT_PURE
#define MCUEDIT_EXPECT(value, likely)    (value)
#define MCUEDIT_AT_ALIGNED(place, bytes) (place)
#define MCUEDIT_COPY(to, from, size)     memcpy(to, from, size)
#define MCUEDIT_FILL(to, byte, size)     memset(to, byte, size)
#define MCUEDIT_COMPARE(a, b, size)      memcmp(a, b, size)
#endif

/* In C99 too, at file scope; `name` says what does not hold. */
#define MCUEDIT_STATIC_ASSERT(condition, name) typedef char name[(condition) ? 1 : -1]

#endif
