/* SPDX-License-Identifier: Apache-2.0 */
/* What the application knows of the model, whatever runs it. Functions return 0 or an error of mcuedit_error. */
#ifndef ANSWER_H
#define ANSWER_H

#ifdef __cplusplus
extern "C" {
#endif

int answer_start(void);
int answer_repaired(int yes);             /* from the next answer on: with the repair, or the base as it was */
const char *answer(const char *question); /* a label; NULL if the inference failed */

#ifdef __cplusplus
}
#endif

#endif
