/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SMP: a conversation, message by message (u16 length, bytes), with a server that has a store; each message also as
 * serial lines, and the input as such lines by itself. Most mutants keep the lengths in their headers right.
 */
#include "flash.h"
#include "mcuedit/smp.h"

enum { HEADER = MCUEDIT_SMP_HEADER_SIZE, CAPACITY = 1024, MOST = 64 };

static int reset(void *context)
{
    (void)context;
    return 0;
}

static int infer(void *context, mcuedit_smp_inference *inference)
{
    static const int8_t output[4] = {1, 2, 3, 4};
    uint32_t sum = 0;
    (void)context;
    for (uint32_t i = 0; i < inference->input_size; i++) {
        sum += inference->input[i];
    }
    for (uint32_t i = 0; i < inference->who_size; i++) {
        sum += inference->who[i];
    }
    inference->answer = (uint16_t)(sum % 6);
    inference->output = output;
    inference->output_size = sizeof(output);
    return sum % 8 == 7 ? MCUEDIT_E_SIZE : MCUEDIT_OK;
}

#if MCUEDIT_AUTHORITY
static int mac(void *context, const uint8_t digest[32], uint8_t mac[MCUEDIT_MAC_SIZE])
{
    (void)context;
    memset(mac, digest[0], MCUEDIT_MAC_SIZE);
    return 0;
}

static const uint8_t operators[1][32];
static const mcuedit_authority authority = {.keys = operators, .key_count = 1, .mac = mac};
#endif

static mcuedit_smp_receiver receiver;
static uint8_t line[CAPACITY + 4];

static void receive(void *context, uint8_t byte)
{
    (void)context;
    mcuedit_smp_receive(&receiver, byte);
}

static void handle(mcuedit_smp *smp, const uint8_t *message, uint32_t size, uint32_t capacity)
{
    uint8_t *request = exact_copy(message, size), *response = malloc(capacity ? capacity : 1);
    uint32_t length = mcuedit_smp_handle(smp, request, size, response, capacity);
    REQUIRE(length <= capacity);
    if (length != 0) {
        uint32_t got = 0;
        mcuedit_smp_send(response, length, receive, NULL);
        const uint8_t *back = mcuedit_smp_message(&receiver, &got);
        REQUIRE(length > CAPACITY || (back != NULL && got == length && memcmp(back, response, length) == 0));
        mcuedit_smp_release(&receiver);
    }
    free(request);
    free(response);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static mcuedit_store store;
    static mcuedit_smp_config config = {.store = &store,
                                        .id = "fuzz",
                                        .boots = 3,
                                        .buffer_count = 1,
                                        .buffer_size = CAPACITY,
                                        .reset = reset,
                                        .infer = infer,
#if MCUEDIT_AUTHORITY
                                        .authority = &authority
#endif
    };
    mcuedit_smp smp;
    flash_reset();
    REQUIRE(mcuedit_store_open(&store, &flash_config) == MCUEDIT_OK);
    mcuedit_smp_init(&smp, &config);
    mcuedit_smp_receiver_init(&receiver, line, sizeof(line));
    for (size_t at = 0, count = 0; at + 2 <= size && count < MOST; count++) {
        size_t length = data[at] | (size_t)data[at + 1] << 8;
        at += 2;
        length = length < size - at ? length : size - at;
#if MCUEDIT_AUTHORITY
        mcuedit_smp_from(&smp, count % 5 == 4);
#endif
        handle(&smp, data + at, (uint32_t)length, count % 7 == 6 ? MCUEDIT_SMP_RESPONSE_MIN + data[at - 2] : CAPACITY);
        at += length;
    }
    mcuedit_smp_receiver_init(&receiver, line, sizeof(line));
    for (size_t i = 0; i < size; i++) {
        if (mcuedit_smp_receive(&receiver, data[i])) {
            mcuedit_smp_release(&receiver);
        }
    }
    check_store(&store);
    return 0;
}

/* Changes one message and leaves all others in place, with lengths that fit, or changes anything. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    static uint8_t message[CAPACITY], rest[1 << 16];
    size_t starts[MOST], count = 0, at = 0;
    while (at + 2 + HEADER <= size && count < MOST) {
        starts[count++] = at;
        at += 2 + (data[at] | (size_t)data[at + 1] << 8);
    }
    if (count == 0 || size > sizeof(rest) || draw(&seed) % 4 == 0) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    size_t start = starts[draw(&seed) % count] + 2;
    size_t length = data[start - 2] | (size_t)data[start - 1] << 8;
    length = length < size - start ? length : size - start;
    size_t after = size - start - length, capacity = max_size - start - after;
    capacity = capacity < sizeof(message) ? capacity : sizeof(message);
    if (length > capacity) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    memcpy(rest, data + start + length, after);
    memcpy(message, data + start, length);
    length = LLVMFuzzerMutate(message, length, capacity);
    if (length >= HEADER) {
        message[2] = (uint8_t)((length - HEADER) >> 8);
        message[3] = (uint8_t)(length - HEADER);
    }
    memcpy(data + start, message, length);
    memcpy(data + start + length, rest, after);
    data[start - 2] = (uint8_t)length;
    data[start - 1] = (uint8_t)(length >> 8);
    return start + length + after;
}
