/* SPDX-License-Identifier: Apache-2.0 */
/* A device as a process of a host: SMP over UDP, flash in a file. POSIX only. */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apps/common/updatable.h"
#include "mcuedit/crypto.h"
#include "udp_flash.h"

#define SOCKET_VARIABLE "MCUEDIT_UDP_SOCKET" /* keeps the port through a reset */
#define USAGE                                                                                                         \
    "usage: device --flash FILE [--port N] [--id TEXT] [--geometry UNIT,PAGE,SLOT,SLOTS,JOURNAL]\n"                   \
    "              [--lose AFTER[,COUNT]] [--cut OPERATION[,before|torn|after]]\n"                                    \
    "              [--identity FILE]\n"                                                                               \
    "It listens on 127.0.0.1; --port 0 takes a free one. --lose drops COUNT datagrams, or all, after AFTER of them; " \
    "--cut ends the\n"                                                                                                \
    "process at a unit programmed or page erased, with code 3: what it leaves in FILE is what a power cut would.\n"   \
    "--identity names 32 secret bytes, by which the device signs its answers.\n"

typedef struct {
    const char *id;
    const char *path;
    const char *identity;
    uint16_t port;
    uint32_t lose_after;
    uint32_t lose_count; /* 0: none */
    flash_model flash;
} options;

static void fail(const char *what, const char *value)
{
    (void)fprintf(stderr, "device: %s %s\n%s", what, value, USAGE);
    exit(2);
}

/* Numbers with commas between them; returns how many, at least one. What follows the last one is left in `*text`. */
static int numbers(const char **text, uint32_t *values, int count)
{
    for (int i = 0; i < count; i++) {
        char *end;
        unsigned long value = strtoul(*text, &end, 10);
        if (end == *text || value > UINT32_MAX) {
            return i;
        }
        values[i] = (uint32_t)value;
        *text = end;
        if (*end != ',') {
            return i + 1;
        }
        *text = end + 1;
    }
    return count;
}

static void read_geometry(mcuedit_flash *flash, const char *text)
{
    const char *at = text;
    uint32_t values[5] = {0};
    if (numbers(&at, values, 5) != 5 || *at != '\0' || values[3] > UINT8_MAX || values[4] > UINT8_MAX) {
        fail("no geometry:", text);
    }
    flash->program_unit = values[0];
    flash->erase_page = values[1];
    flash->slot_size = values[2];
    flash->slot_count = (uint8_t)values[3];
    flash->journal_pages = (uint8_t)values[4];
}

static void read_cut(flash_model *flash, const char *text)
{
    static const char *const modes[] = {"before", "torn", "after"};
    static const uint8_t kinds[] = {FLASH_CUT_BEFORE, FLASH_CUT_PREFIX, FLASH_CUT_AFTER};
    const char *mode = text;
    if (numbers(&mode, &flash->cut_at, 1) != 1) {
        fail("no operation:", text);
    }
    flash->cut_kind = FLASH_CUT_BEFORE;
    flash->cut_amount = FLASH_MODEL_HALF;
    for (int i = 0; *mode != '\0'; i++) {
        if (i == 3) {
            fail("no mode of a cut:", text);
        }
        if (strcmp(mode, modes[i]) == 0) {
            flash->cut_kind = kinds[i];
            break;
        }
    }
}

static void read_option(options *given, const char *name, const char *value)
{
    const char *at = value;
    uint32_t pair[2] = {0, UINT32_MAX};
    if (strcmp(name, "--id") == 0) {
        given->id = value;
    } else if (strcmp(name, "--flash") == 0) {
        given->path = value;
    } else if (strcmp(name, "--identity") == 0) {
        given->identity = value;
    } else if (strcmp(name, "--port") == 0 && numbers(&at, pair, 1) == 1 && pair[0] <= UINT16_MAX) {
        given->port = (uint16_t)pair[0];
    } else if (strcmp(name, "--lose") == 0 && numbers(&at, pair, 2) > 0) {
        given->lose_after = pair[0];
        given->lose_count = pair[1];
    } else if (strcmp(name, "--geometry") == 0) {
        read_geometry(&given->flash.part, value);
    } else if (strcmp(name, "--cut") == 0) {
        read_cut(&given->flash, value);
    } else {
        fail("no such option or value:", name);
    }
}

static int open_socket(uint16_t port)
{
    const char *kept = getenv(SOCKET_VARIABLE);
    if (kept) {
        return atoi(kept);
    }
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int link = socket(AF_INET, SOCK_DGRAM, 0);
    if (link < 0 || bind(link, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        perror("device: no such port to be had");
        exit(1);
    }
    return link;
}

static void say_hello(int link, int err)
{
    struct sockaddr_in address;
    socklen_t size = sizeof(address);
    (void)getsockname(link, (struct sockaddr *)&address, &size);
    if (err) {
        (void)printf("error %s\n", mcuedit_error_name(err));
    }
    (void)printf("mcuedit ready port=%u\n", (unsigned)ntohs(address.sin_port));
    (void)fflush(stdout);
}

/* Everything that is not in flash is lost, as with a microcontroller; the socket stays, as the board's address would.
 */
static void restart(char *const *argv, int link)
{
    char text[16];
    (void)snprintf(text, sizeof(text), "%d", link);
    (void)setenv(SOCKET_VARIABLE, text, 1);
    (void)execv("/proc/self/exe", argv);
    (void)execv(argv[0], argv);
    perror("device: cannot restart");
    exit(1);
}

/* Waits for a datagram. Ends with whoever holds the other end of a pipe to our input. */
static void wait_for(int link)
{
    struct stat input;
    bool is_pipe = fstat(STDIN_FILENO, &input) == 0 && S_ISFIFO(input.st_mode);
    struct pollfd files[] = {{.fd = link, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
    (void)poll(files, is_pipe ? 2 : 1, -1);
    if (is_pipe && (files[1].revents & POLLHUP) != 0) {
        exit(0);
    }
}

#if MCUEDIT_AUTHORITY
static int from_the_system(void *context, void *bytes, uint32_t size)
{
    FILE *source = fopen("/dev/urandom", "rb");
    (void)context;
    size_t got = source ? fread(bytes, 1, size, source) : 0;
    if (source) {
        (void)fclose(source);
    }
    return got == size ? 0 : -1;
}

static uint32_t peer_of(const struct sockaddr_in *address)
{
    return ntohl(address->sin_addr.s_addr) * 31u + ntohs(address->sin_port);
}
#endif

#if MCUEDIT_IDENTITY
/* This device's own key; a part keeps it where nobody reads it. */
static struct {
    uint8_t secret[32], key[MCUEDIT_IDENTITY_SIZE];
} identity;

static int prove(void *context, const uint8_t digest[32], uint8_t proof[MCUEDIT_SIGNATURE_SIZE])
{
    (void)context;
    mcuedit_ed25519_sign(identity.secret, digest, 32, proof);
    return MCUEDIT_SIGNATURE_SIZE;
}

static void load_identity(const char *path)
{
    FILE *file = fopen(path, "rb");
    size_t got = file ? fread(identity.secret, 1, sizeof(identity.secret), file) : 0;
    if (file) {
        (void)fclose(file);
    }
    if (got != sizeof(identity.secret)) {
        fail("no secret of 32 bytes:", path);
    }
    mcuedit_ed25519_public(identity.secret, identity.key);
    updatable_authority()->prove = prove;
    updatable_authority()->identity = identity.key;
}
#endif

static void serve(const options *given, int link, char *const *argv)
{
    static uint8_t request[UPDATABLE_BUFFER + 1], response[UPDATABLE_BUFFER];
    for (uint32_t count = 0;; count++) {
        struct sockaddr_in from;
        socklen_t from_size = sizeof(from);
        wait_for(link);
        ssize_t size = recvfrom(link, request, sizeof(request), MSG_DONTWAIT, (struct sockaddr *)&from, &from_size);
        if (size < 0) {
            count--; /* it was something else */
            continue;
        }
        bool lost = count >= given->lose_after && count - given->lose_after < given->lose_count;
        if (lost || size > UPDATABLE_BUFFER) {
            continue;
        }
#if MCUEDIT_AUTHORITY
        updatable_peer(peer_of(&from));
        uint32_t most = MCUEDIT_SMP_AMPLIFIED((uint32_t)size);
        uint32_t capacity = most < sizeof(response) ? most : (uint32_t)sizeof(response);
#else
        uint32_t capacity = sizeof(response);
#endif
        uint32_t made = updatable_handle(request, (uint32_t)size, response, capacity);
        if (made > 0) {
            (void)sendto(link, response, made, 0, (const struct sockaddr *)&from, from_size);
        }
        if (updatable_wants_reset()) {
            restart(argv, link);
        }
    }
}

int main(int argc, char **argv)
{
    static options given = {
        .id = "device",
        .flash.part = {.program_unit = 8,
                       .erase_page = 4096,
                       .slot_size = 4096,
                       .slot_count = MCUEDIT_STORE_SLOTS,
                       .journal_pages = 2},
    };
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc) {
            fail("no value for", argv[i]);
        }
        read_option(&given, argv[i], argv[i + 1]);
    }
    if (!given.path || strlen(given.id) > 16) {
        fail("--flash is missing, or this is longer than 16 bytes:", given.id);
    }
    if (udp_flash_open(&given.flash, given.path) < 0) {
        perror(given.path);
        return 1;
    }
#if MCUEDIT_AUTHORITY
    updatable_authority()->random = from_the_system;
#endif
#if MCUEDIT_IDENTITY
    if (given.identity) {
        load_identity(given.identity);
    }
#else
    if (given.identity) {
        fail("a device that obeys everybody proves nothing:", "--identity");
    }
#endif
    int link = open_socket(given.port);
    say_hello(link, updatable_start(given.id, &given.flash.part));
    serve(&given, link, argv);
}
