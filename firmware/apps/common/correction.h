/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments of the commands with which a device is taught: what the apps that learn share. */
#ifndef MCUEDIT_CORRECTION_H
#define MCUEDIT_CORRECTION_H

#include "mcuedit/train.h"

#define CORRECTION_LABEL 32u /* bytes of a name, at most */

/* A number up to the next space or the end; negative: there is none. */
int32_t correction_number(void);

/* The rest of the line as an input, and an inference. Text for a base with a text front end, else hexadecimal. */
int correction_infer(void);

/* The command `train MACS`: for about so long by `step`, to the end for 0; says how far it came. */
int correction_train(int (*step)(uint32_t macs), const mcuedit_train_state *state);

/* The rest of the line as a name. */
int correction_label(char label[CORRECTION_LABEL], uint8_t *length);

/* Bytes as hexadecimal digits, and the line's end. */
void correction_print(const void *bytes, uint32_t size);

#endif
