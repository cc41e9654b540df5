/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SMP on serial lines (SPEC.md, section 9): a message is preceded by its length and followed by its CRC, both
 * big-endian; the whole is cut into lines of base64, the first of which starts with 06 09, all others with 04 14.
 */
#include <stddef.h>

#include "mcuedit/smp.h"

#define FIRST_0     0x06u
#define FIRST_1     0x09u
#define NEXT_0      0x04u
#define NEXT_1      0x14u

#define LENGTH_SIZE 2u
#define CRC_SIZE    2u
#define CRC_POLY    0x1021u /* CRC-16/XMODEM */
#define LINE_GROUPS ((MCUEDIT_SMP_LINE - 3u) / 4u)

#define NOT_A_DIGIT 64u
#define DIGITS      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

/* Where in a line the receiver is. */
enum { START, FIRST, NEXT, DIGIT, PADDING, SKIP };

static uint16_t crc_add(uint16_t crc, uint8_t byte)
{
    crc ^= (uint16_t)(byte << 8);
    for (int i = 0; i < 8; i++) {
        uint16_t feedback = (crc & 0x8000u) != 0 ? CRC_POLY : 0;
        crc = (uint16_t)(crc << 1 ^ feedback);
    }
    return crc;
}

static uint32_t digit_value(uint8_t byte)
{
    if (byte >= 'A' && byte <= 'Z') {
        return byte - (uint32_t)'A';
    }
    if (byte >= 'a' && byte <= 'z') {
        return byte - (uint32_t)'a' + 26;
    }
    if (byte >= '0' && byte <= '9') {
        return byte - (uint32_t)'0' + 52;
    }
    return byte == '+' ? 62 : byte == '/' ? 63 : NOT_A_DIGIT;
}

void mcuedit_smp_receiver_init(mcuedit_smp_receiver *receiver, uint8_t *buffer, uint16_t capacity)
{
    *receiver = (mcuedit_smp_receiver){.buffer = buffer, .capacity = capacity};
}

/* Length field, message and CRC; 0 while the field is not there. */
static uint32_t total_size(const mcuedit_smp_receiver *receiver)
{
    return receiver->fill < LENGTH_SIZE ? 0 : LENGTH_SIZE + (uint32_t)(receiver->buffer[0] << 8 | receiver->buffer[1]);
}

/* What came so far leads nowhere: only a first line is looked for. */
static void give_up(mcuedit_smp_receiver *receiver)
{
    receiver->fill = 0;
    receiver->state = SKIP;
}

static void take_byte(mcuedit_smp_receiver *receiver, uint8_t byte)
{
    if (receiver->fill == receiver->capacity) {
        give_up(receiver);
        return;
    }
    receiver->buffer[receiver->fill++] = byte;
    uint32_t total = total_size(receiver);
    if (total != 0 && (total > receiver->capacity || total < LENGTH_SIZE + CRC_SIZE || receiver->fill > total)) {
        give_up(receiver);
    }
}

static void take_digit(mcuedit_smp_receiver *receiver, uint8_t byte)
{
    uint32_t value = digit_value(byte);
    if (byte == '=') {
        receiver->state = PADDING; /* its bits are zeros that fill a digit up */
    } else if (value == NOT_A_DIGIT) {
        give_up(receiver);
    } else {
        receiver->bits = receiver->bits << 6 | value;
        receiver->bit_count = (uint8_t)(receiver->bit_count + 6);
        if (receiver->bit_count >= 8) {
            receiver->bit_count = (uint8_t)(receiver->bit_count - 8);
            take_byte(receiver, (uint8_t)(receiver->bits >> receiver->bit_count));
        }
    }
}

static void start_line(mcuedit_smp_receiver *receiver, uint8_t byte)
{
    if (byte == FIRST_0) {
        receiver->fill = 0;
        receiver->state = FIRST;
    } else if (byte == NEXT_0 && receiver->fill > 0) {
        receiver->state = NEXT;
    } else {
        give_up(receiver);
    }
}

static void end_line(mcuedit_smp_receiver *receiver)
{
    receiver->state = START;
    receiver->bits = 0;
    receiver->bit_count = 0;
    if (receiver->fill == 0 || receiver->fill != total_size(receiver)) {
        return;
    }
    uint16_t crc = 0;
    for (uint32_t i = LENGTH_SIZE; i < receiver->fill; i++) {
        crc = crc_add(crc, receiver->buffer[i]);
    }
    if (crc == 0) {
        receiver->ready = 1;
    } else {
        receiver->fill = 0;
    }
}

int mcuedit_smp_receive(mcuedit_smp_receiver *receiver, uint8_t byte)
{
    if (receiver->ready) {
        return 1;
    }
    if (byte == '\n') {
        end_line(receiver);
    } else if (byte == '\r') {
        /* some hosts send it before the line feed */
    } else if (receiver->state == START) {
        start_line(receiver, byte);
    } else if (receiver->state == FIRST || receiver->state == NEXT) {
        if (byte == (receiver->state == FIRST ? FIRST_1 : NEXT_1)) {
            receiver->state = DIGIT;
        } else {
            give_up(receiver);
        }
    } else if (receiver->state == DIGIT) {
        take_digit(receiver, byte);
    } else if (receiver->state == PADDING && byte != '=') {
        give_up(receiver);
    }
    return receiver->ready;
}

const uint8_t *mcuedit_smp_message(const mcuedit_smp_receiver *receiver, uint32_t *size)
{
    if (!receiver->ready) {
        return NULL;
    }
    *size = receiver->fill - LENGTH_SIZE - CRC_SIZE;
    return receiver->buffer + LENGTH_SIZE;
}

void mcuedit_smp_release(mcuedit_smp_receiver *receiver)
{
    receiver->fill = 0;
    receiver->ready = 0; /* last: an interrupt may feed from here on */
}

/* Where the bytes of a message go: three of them make four digits. */
typedef struct {
    void (*write)(void *context, uint8_t byte);
    void *context;
    uint32_t bits;
    uint32_t bytes;  /* in `bits` */
    uint32_t groups; /* in this line */
} writer;

static void write_group(writer *out)
{
    if (out->groups == LINE_GROUPS) {
        out->write(out->context, '\n');
        out->write(out->context, NEXT_0);
        out->write(out->context, NEXT_1);
        out->groups = 0;
    }
    uint32_t bits = out->bits << 8 * (3 - out->bytes);
    for (uint32_t i = 0; i < 4; i++) {
        out->write(out->context, (uint8_t)(i <= out->bytes ? DIGITS[bits >> (18 - 6 * i) & 63u] : '='));
    }
    out->bits = 0;
    out->bytes = 0;
    out->groups++;
}

static void write_byte(writer *out, uint8_t byte)
{
    out->bits = out->bits << 8 | byte;
    if (++out->bytes == 3) {
        write_group(out);
    }
}

void mcuedit_smp_send(const uint8_t *message, uint32_t size, void (*write)(void *context, uint8_t byte), void *context)
{
    writer out = {.write = write, .context = context};
    uint32_t length = size + CRC_SIZE;
    uint16_t crc = 0;
    write(context, FIRST_0);
    write(context, FIRST_1);
    write_byte(&out, (uint8_t)(length >> 8));
    write_byte(&out, (uint8_t)length);
    for (uint32_t i = 0; i < size; i++) {
        crc = crc_add(crc, message[i]);
        write_byte(&out, message[i]);
    }
    write_byte(&out, (uint8_t)(crc >> 8));
    write_byte(&out, (uint8_t)crc);
    if (out.bytes > 0) {
        write_group(&out);
    }
    write(context, '\n');
}
