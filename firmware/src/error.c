/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuedit/error.h"

const char *mcuedit_error_name(int error)
{
    switch (error) {
#define MCUEDIT_ERROR_NAME(name, value, text) \
    case value:                               \
        return #name;
        MCUEDIT_ERRORS(MCUEDIT_ERROR_NAME)
    default:
        return "unknown";
    }
}
