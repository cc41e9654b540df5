/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>

#include "mcuedit/compiler.h"
#include "mcuedit/config.h"
#include "mcuedit/error.h"

/* The values are 0, -1, -2 and so on, in the order of the list. */
enum {
#define MCUEDIT_ERROR_INDEX(name, value, text) INDEX_##name,
    MCUEDIT_ERRORS(MCUEDIT_ERROR_INDEX)
};
#define MCUEDIT_ERROR_CHECK(name, value, text) typedef char name##_is_next[(value) == -INDEX_##name ? 1 : -1];
MCUEDIT_ERRORS(MCUEDIT_ERROR_CHECK)

/* One after the other: a table of pointers would take as much again. */
#if MCUEDIT_CORE_ERRORS_ONLY
#define NAMED_ERRORS MCUEDIT_CORE_ERRORS
#elif MCUEDIT_AUTHORITY
#define NAMED_ERRORS MCUEDIT_ERRORS
#else
#define NAMED_ERRORS(X) MCUEDIT_CORE_ERRORS(X) MCUEDIT_MORE_ERRORS(X)
#endif
static const char names[] =
#define MCUEDIT_ERROR_NAME(name, value, text) #name "\0"
    NAMED_ERRORS(MCUEDIT_ERROR_NAME) "unknown\0";

const char *mcuedit_error_name(int error)
{
    const char *name = names, *next = names;
    for (uint32_t left = 0u - (uint32_t)error; left != 0 && *next != 0; left--) {
        name = next;
        while (*next++ != 0) {
        }
    }
    return *next != 0 ? next : name;
}
