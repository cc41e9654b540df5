/* SPDX-License-Identifier: Apache-2.0 */
/* The line protocol of the console (SPEC.md, section 5): what all apps that speak it share. */
#ifndef MCUEDIT_LINE_H
#define MCUEDIT_LINE_H

#include <stdint.h>

#include "mcuedit/config.h"
#include "mcuedit/error.h"

#define LINE_END  (-1)
#define LINE_WORD 6u /* the longest command and what ends it */

/* A command reads its arguments with line_byte and writes its reply, or gives an error and writes nothing. */
typedef struct {
    char name[LINE_WORD];
    int (*run)(void);
} line_command;

/* The next byte of the line being served, LINE_END from its end on. */
int line_byte(void);

/* Value of a hexadecimal digit, LINE_END at the end, MCUEDIT_E_COMMAND for anything else. */
int line_digit(void);

/* The rest of the line: its length, or MCUEDIT_E_SIZE if that is over `capacity`. */
static inline int line_text(char *to, uint32_t capacity)
{
    uint32_t length = 0;
    for (int byte = line_byte(); byte != LINE_END; byte = line_byte()) {
        if (length == capacity) {
            return MCUEDIT_E_SIZE;
        }
        to[length++] = (char)byte;
    }
    return (int)length;
}

/* The rest of the line as `size` bytes in hexadecimal digits. */
int line_hex(int8_t *to, uint32_t size);

/* The rest of the line as a prompt, whose features become the input; E_COMMAND where the base has no text front end. */
int line_prompt(void);

/* Says "ok" if all is well; returns `err`. */
int line_ok(int err);

void line_error(int err);

/* Says that the app is there, or why its base or an adapter is not. */
void line_hello(int err);

/* Commands that all apps have. */
int line_ask(void);
int line_run(void);
int line_stat(void);
#if MCUEDIT_TRACE
int line_ticks(void);
#define LINE_COMMANDS                                          \
    {"ask", line_ask}, {"run", line_run}, {"stat", line_stat}, \
    {                                                          \
        "ticks", line_ticks                                    \
    }
#else
#define LINE_COMMANDS                     \
    {"ask", line_ask}, {"run", line_run}, \
    {                                     \
        "stat", line_stat                 \
    }
#endif
#define LINE_COMMANDS_END {"", 0}

/* Serves one line whose first byte was read already. */
void line_serve(uint8_t first, const line_command *commands);

#endif
