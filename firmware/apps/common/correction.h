/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments of the commands with which a device is taught: what the apps that learn share. */
#ifndef MCUEDIT_TEACH_H
#define MCUEDIT_TEACH_H

#include <stdint.h>

#define TEACH_LABEL 32u /* bytes of a name, at most */

/* A number up to the next space or the end; negative: there is none. */
int32_t teach_number(void);

/* The rest of the line as an input, and an inference. Text for a base with a text front end, else hexadecimal. */
int teach_infer(void);

/* The command `train MACS`: for about so long by `step`, to the end for 0; says how far it came. */
int teach_train(int (*step)(uint32_t macs), const void *workspace);

/* The rest of the line as a name. */
int teach_label(char label[TEACH_LABEL], uint8_t *length);

/* Bytes as hexadecimal digits, and the line's end. */
void teach_print(const void *bytes, uint32_t size);

#endif
