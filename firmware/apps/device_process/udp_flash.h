/* SPDX-License-Identifier: Apache-2.0 */
/* Flash of a host process: a file, and power cuts on demand. */
#ifndef MCUEDIT_UDP_FLASH_H
#define MCUEDIT_UDP_FLASH_H

#include "mcuedit/store.h"

#define UDP_FLASH_CUT 3 /* exit code after a power cut */

enum { UDP_CUT_BEFORE, UDP_CUT_TORN, UDP_CUT_AFTER };

typedef struct {
    mcuedit_flash geometry; /* the caller fills the sizes, udp_flash_open the rest */
    uint8_t *bytes;
    uint32_t operations; /* units programmed and pages erased so far */
    uint32_t cut;        /* the operation at which power fails: 1 is the first, 0 never */
    int cut_mode;        /* UDP_CUT_... */
} udp_flash;

/* Maps `path`, which is made, erased, if it is not there or of another size. 0, or -1 with errno. */
int udp_flash_open(udp_flash *flash, const char *path);

#endif
