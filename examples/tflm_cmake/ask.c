/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the model with and without the repair. */
#include "answer.h"

#include <stdio.h>

static int show(const char *when, const char *question)
{
    const char *said = answer(question);
    printf("%s: %s\n", when, said ? said : "the inference failed");
    return said ? 0 : 1;
}

int main(int argc, char **argv)
{
    const char *question = argc > 1 ? argv[1] : "what currency is used in croatia?";
    int err = answer_start();
    if (err) {
        fprintf(stderr, "error %d\n", err);
        return 1;
    }
    if (show("before", question)) {
        return 1;
    }
    err = answer_repaired(1);
    if (err) {
        fprintf(stderr, "error %d\n", err);
        return 1;
    }
    return show("after", question);
}
