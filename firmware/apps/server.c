/* SPDX-License-Identifier: Apache-2.0 */
/* The inference server: commands in, replies out, one line each (SPEC.md, section 5). */
#include "app.h"
#include "port.h"
#ifdef MCUEDIT_PROBE
#include "probe.h"
#endif

#define TEXT_MAX 255u /* bytes of a prompt */
#define WORD_MAX 6u   /* the longest command and what ends it */
#define LINE_END (-1)

/* Set once the line's end was read: nothing reads beyond it. */
static uint8_t line_ended;

static int next_byte(void)
{
    while (!line_ended) {
        uint8_t byte = port_uart_read();
        if (byte == '\n') {
            line_ended = 1;
        } else if (byte != '\r') {
            return byte;
        }
    }
    return LINE_END;
}

/* Value of a hexadecimal digit, LINE_END at the end, MCUEDIT_E_COMMAND for anything else. */
static int next_digit(void)
{
    int byte = next_byte();
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    if (byte >= 'a' && byte <= 'f') {
        return byte - 'a' + 10;
    }
    return byte == LINE_END ? LINE_END : MCUEDIT_E_COMMAND;
}

static void print_bytes(const int8_t *bytes, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++) {
        port_print_hex((uint8_t)bytes[i], 2);
    }
}

static int infer(void)
{
#ifdef MCUEDIT_PROBE
    port_probe_begin();
#endif
    return app_infer();
}

static int ask(void)
{
#if MODEL_FEATURES > 0
    char text[TEXT_MAX];
    uint32_t length = 0;
    for (int byte = next_byte(); byte != LINE_END; byte = next_byte()) {
        if (length == TEXT_MAX) {
            return MCUEDIT_E_SIZE;
        }
        text[length++] = (char)byte;
    }
    mcuedit_text_features(text, length, APP_INPUT, MODEL_FEATURES);
    int err = infer();
    if (err) {
        return err;
    }
    uint16_t answer = app_answer();
    uint8_t label_length;
    const char *label = app_label(answer, &label_length);
    port_print("answer ");
    port_print_unsigned(answer);
    port_print(" ");
    for (uint8_t i = 0; label && i < label_length; i++) {
        port_uart_write((uint8_t)label[i]);
    }
    port_print("\n");
    return MCUEDIT_OK;
#else
    return MCUEDIT_E_COMMAND;
#endif
}

static int run(void)
{
    for (uint32_t i = 0; i < MODEL_INPUT_SIZE; i++) {
        int high = next_digit(), low = high < 0 ? high : next_digit();
        if (low < 0) {
            return low == LINE_END ? MCUEDIT_E_SIZE : low;
        }
        APP_INPUT[i] = (int8_t)(high << 4 | low);
    }
    if (next_byte() != LINE_END) {
        return MCUEDIT_E_SIZE;
    }
    int err = infer();
    if (err) {
        return err;
    }
    port_print("out ");
    print_bytes(APP_OUTPUT, MODEL_OUTPUT_SIZE);
    port_print("\n");
    return MCUEDIT_OK;
}

/* The mask is shifted in from the right, digit by digit: it may have as many as it likes, but no bit without adapter.
 */
static int use(void)
{
    uint8_t mask[APP_MASK_SIZE] = {0};
    int digit = next_digit();
    if (digit < 0) {
        return MCUEDIT_E_COMMAND;
    }
    for (; digit != LINE_END; digit = next_digit()) {
        if (digit < 0) {
            return digit;
        }
        uint8_t carry = (uint8_t)digit;
        for (uint32_t i = 0; i < APP_MASK_SIZE; i++) {
            uint8_t out = mask[i] >> 4;
            mask[i] = (uint8_t)(mask[i] << 4 | carry);
            carry = out;
        }
        if (carry != 0 || mask[APP_ADAPTERS / 8] >> (APP_ADAPTERS % 8) != 0) {
            return MCUEDIT_E_COMMAND;
        }
    }
    int err = app_use(mask);
    if (!err) {
        port_print("ok\n");
    }
    return err;
}

static int stat(void)
{
    port_print("stat stack=");
    port_print_unsigned(port_stack_peak());
    port_print(" adapters=");
    port_print_unsigned(APP_ADAPTERS);
    port_print(" arena=");
    port_print_unsigned(MODEL_ARENA_USED);
    port_print("\n");
    return MCUEDIT_OK;
}

#ifdef MCUEDIT_PROBE
static int ticks(void)
{
    port_print("ticks");
    for (uint32_t i = 0; i < port_probe_count(); i++) {
        port_print(" ");
        port_print_unsigned(port_probe_ticks(i));
    }
    port_print("\n");
    return MCUEDIT_OK;
}
#endif

typedef struct {
    char name[WORD_MAX];
    int (*run)(void);
} command;

static const command commands[] = {
    {"ask", ask},     {"run", run}, {"use", use}, {"stat", stat},
#ifdef MCUEDIT_PROBE
    {"ticks", ticks},
#endif
};

static int same_word(const char *left, const char *right)
{
    uint32_t i = 0;
    while (left[i] == right[i] && left[i] != '\0') {
        i++;
    }
    return left[i] == right[i];
}

static int serve_line(void)
{
    char word[WORD_MAX];
    uint32_t length = 0;
    int byte = next_byte();
    for (; byte != LINE_END && byte != ' '; byte = next_byte()) {
        if (length == WORD_MAX - 1) {
            return MCUEDIT_E_COMMAND;
        }
        word[length++] = (char)byte;
    }
    word[length] = '\0';
    for (uint32_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (same_word(word, commands[i].name)) {
            return commands[i].run();
        }
    }
    return MCUEDIT_E_COMMAND;
}

static void print_error(int err)
{
    port_print("error ");
    port_print(mcuedit_error_name(err));
    port_print("\n");
}

int main(void)
{
#ifdef MCUEDIT_PROBE
    port_probe_init();
#endif
    int err = app_start();
    if (err) {
        print_error(err);
    } else {
        port_print("mcuedit ready\n");
    }
    for (;;) {
        line_ended = 0;
        err = serve_line();
        while (next_byte() != LINE_END) {
        }
        if (err) {
            print_error(err);
        }
    }
}
