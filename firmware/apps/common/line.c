/* SPDX-License-Identifier: Apache-2.0 */
#include "line.h"

#include "app.h"
#include "port/port.h"
#if MCUEDIT_TRACE
#include "port/trace.h"
#endif

#define TEXT_MAX       255u /* bytes of a prompt */

#define NOT_READ       (-2)

#define TEXT(token)    #token
#define AS_TEXT(macro) TEXT(macro)

/* The byte to be served next, if it was read already; LINE_END from the line's end on: nothing reads beyond it. */
static int next_byte;

int line_byte(void)
{
    while (next_byte != LINE_END) {
        int byte = next_byte;
        next_byte = NOT_READ;
        if (byte == NOT_READ) {
            byte = port_uart_read();
        }
        if (byte == '\n') {
            next_byte = LINE_END;
        } else if (byte != '\r') {
            return byte;
        }
    }
    return LINE_END;
}

int line_digit(void)
{
    int byte = line_byte();
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    if (byte >= 'a' && byte <= 'f') {
        return byte - 'a' + 10;
    }
    return byte == LINE_END ? LINE_END : MCUEDIT_E_COMMAND;
}

/* An inference, if its input came without an error. */
static int infer(int err)
{
#if MCUEDIT_TRACE
    port_trace_begin();
#endif
    return err ? err : app_infer();
}

int line_ok(int err)
{
    if (!err) {
        port_print("ok\n");
    }
    return err;
}

int line_hex(int8_t *to, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++) {
        int high = line_digit(), low = high < 0 ? high : line_digit();
        if (low < 0) {
            return low == LINE_END ? MCUEDIT_E_SIZE : low;
        }
        to[i] = (int8_t)(high << 4 | low);
    }
    return line_byte() == LINE_END ? MCUEDIT_OK : MCUEDIT_E_SIZE;
}

int line_prompt(void)
{
#if MODEL_FEATURES > 0
    char text[TEXT_MAX];
    int length = line_text(text, TEXT_MAX);
    if (length < 0) {
        return length;
    }
    mcuedit_text_features(text, (uint32_t)length, APP_INPUT, MODEL_FEATURES);
    return MCUEDIT_OK;
#else
    return MCUEDIT_E_COMMAND;
#endif
}

int line_ask(void)
{
    int err = infer(line_prompt());
    if (err) {
        return err;
    }
    uint16_t answer = app_answer();
    uint8_t label_length;
    const char *label = app_label(answer, &label_length);
    port_print("answer ");
    port_print_unsigned(answer);
    port_uart_write(' ');
    for (uint32_t i = 0; i < label_length; i++) {
        port_uart_write((uint8_t)label[i]);
    }
    port_uart_write('\n');
    return MCUEDIT_OK;
}

int line_run(void)
{
    int err = infer(line_hex(APP_INPUT, MODEL_INPUT_SIZE));
    if (err) {
        return err;
    }
    port_print("out ");
    for (uint32_t i = 0; i < MODEL_OUTPUT_SIZE; i++) {
        port_print_hex((uint8_t)APP_OUTPUT[i], 2);
    }
    port_uart_write('\n');
    return MCUEDIT_OK;
}

int line_stat(void)
{
    port_print("stat stack=");
    port_print_unsigned(port_stack_peak());
    port_print(" adapters=" AS_TEXT(APP_ADAPTERS) " arena=");
    port_print_unsigned(MODEL_ARENA_USED);
    port_uart_write('\n');
    return MCUEDIT_OK;
}

#if MCUEDIT_TRACE
int line_ticks(void)
{
    port_print("ticks");
    for (uint32_t i = 0; i < port_trace_count(); i++) {
        port_uart_write(' ');
        port_print_unsigned(port_trace_ticks(i));
    }
    port_uart_write('\n');
    return MCUEDIT_OK;
}
#endif

static int same_word(const char *left, const char *right)
{
    uint32_t i = 0;
    while (left[i] == right[i] && left[i] != '\0') {
        i++;
    }
    return left[i] == right[i];
}

static int serve(const line_command *command)
{
    char word[LINE_WORD];
    uint32_t length = 0;
    int byte = line_byte();
    for (; byte != LINE_END && byte != ' '; byte = line_byte()) {
        if (length == LINE_WORD - 1) {
            return MCUEDIT_E_COMMAND;
        }
        word[length++] = (char)byte;
    }
    word[length] = '\0';
    for (; command->run; command++) {
        if (same_word(word, command->name)) {
            return command->run();
        }
    }
    return MCUEDIT_E_COMMAND;
}

void line_error(int err)
{
    port_print("error ");
    port_print(mcuedit_error_name(err));
    port_uart_write('\n');
}

void line_hello(int err)
{
    if (err) {
        line_error(err);
    } else {
        port_print("mcuedit ready\n");
    }
}

void line_serve(uint8_t first, const line_command *commands)
{
    next_byte = first;
    int err = serve(commands);
    while (line_byte() != LINE_END) {
    }
    if (err) {
        line_error(err);
    }
}
