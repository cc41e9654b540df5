/* SPDX-License-Identifier: Apache-2.0 */
/* Apart from the names: literals of one file stay together, and firmware that only names errors need not carry these.
 */
#include "mcuedit/error.h"

const char *mcuedit_error_text(int error)
{
    switch (error) {
#define MCUEDIT_ERROR_TEXT(name, value, text) \
    case value:                               \
        return text;
        MCUEDIT_ERRORS(MCUEDIT_ERROR_TEXT)
    default:
        return "unknown";
    }
}
