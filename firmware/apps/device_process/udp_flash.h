/* SPDX-License-Identifier: Apache-2.0 */
/* Flash of a host process: a file behind the model of a flash, whose power can be cut. */
#ifndef MCUEDIT_UDP_FLASH_H
#define MCUEDIT_UDP_FLASH_H

#include "testing/flash_model.h"

#define UDP_FLASH_CUT 3 /* exit code after a power cut */

/*
 * Maps `path`, which is made, erased, if it is not there or of another size. The caller has filled the sizes of
 * `flash->part`; operations are units programmed and pages erased. 0, or -1 with errno.
 */
int udp_flash_open(flash_model *flash, const char *path);

#endif
