/* SPDX-License-Identifier: Apache-2.0 */
/* zcbor includes it for its messages, which are not compiled. */
#ifndef MCUEDIT_INTTYPES_H
#define MCUEDIT_INTTYPES_H

#include <stdint.h>

#endif
