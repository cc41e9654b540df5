/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers of commands and keys of maps, for the device and for the host, which reads this file
 * (mcuedit/fleet/transport/protocol.py; docs/spec/management.md says what they mean). All are part of the format.
 */
#ifndef MCUEDIT_SMP_PROTOCOL_H
#define MCUEDIT_SMP_PROTOCOL_H

/* The group of the commands that are mcuedit's own, the first of the user groups. */
#define MCUEDIT_SMP_GROUP 64

/* X(name, number, what it does) of that group. Append only. */
#define MCUEDIT_SMP_COMMANDS(X)                                                                   \
    X(STATUS, 0, "read: the device as a whole, or one slot")                                      \
    X(ACTIVATE, 1, "write: starts the trial of a set")                                            \
    X(CONFIRM, 2, "write: the set in trial is confirmed")                                         \
    X(ROLLBACK, 3, "write: ends a trial, or restores what was before")                            \
    X(ARMS, 4, "read: counters of both arms; write: an outcome")                                  \
    X(LOG, 5, "read: records of the device log")                                                  \
    X(SLOT, 6, "write: revokes or erases a slot")                                                 \
    X(TELL, 7, "write: which class an input is to get, for the correction")                       \
    X(RUN, 8, "write: one inference")                                                             \
    X(AUTHORITY, 9, "read: what a signature is over; write: a trial goes back to older packages") \
    X(IDENTITY, 10, "read: the key by which the device proves what it answers")                   \
    X(TRAIN, 11, "read: what the device was told; write: trains")                                 \
    X(ADOPT, 12, "write: what was trained goes on trial")                                         \
    X(FORGET, 13, "write: what the device was told is forgotten")                                 \
    X(REVOKE, 14, "write: a list of revoked keys, which root keys have signed")

/* X(name, number, what it does) of the groups that mcumgr defines, as much as a device has of them. */
#define MCUEDIT_SMP_OS_COMMANDS(X)             \
    X(OS_ECHO, 0, "read, write: echo")         \
    X(OS_RESET, 5, "write: resets the device") \
    X(OS_PARAMETERS, 6, "read: how much it can receive")

#define MCUEDIT_SMP_IMAGE_COMMANDS(X)                                     \
    X(IMAGE_STATE, 0, "read: the packages; write: tries or confirms one") \
    X(IMAGE_UPLOAD, 1, "write: a chunk of a package")                     \
    X(IMAGE_ERASE, 5, "write: erases a slot")

enum {
#define MCUEDIT_SMP_COMMAND_ENUM(name, number, text) MCUEDIT_SMP_COMMAND_##name = (number),
    MCUEDIT_SMP_COMMANDS(MCUEDIT_SMP_COMMAND_ENUM) MCUEDIT_SMP_OS_COMMANDS(MCUEDIT_SMP_COMMAND_ENUM)
        MCUEDIT_SMP_IMAGE_COMMANDS(MCUEDIT_SMP_COMMAND_ENUM)
#undef MCUEDIT_SMP_COMMAND_ENUM
};

/* Keys of group 64. The host's messages have fields of these names, in lower case. */
#define MCUEDIT_SMP_KEY_ANSWER          "answer"
#define MCUEDIT_SMP_KEY_ARM             "arm"
#define MCUEDIT_SMP_KEY_AT              "at"
#define MCUEDIT_SMP_KEY_AUTH            "auth"
#define MCUEDIT_SMP_KEY_BAD             "bad"
#define MCUEDIT_SMP_KEY_BASE            "base"
#define MCUEDIT_SMP_KEY_BEFORE          "before"
#define MCUEDIT_SMP_KEY_BOOTS           "boots"
#define MCUEDIT_SMP_KEY_CLASS           "class"
#define MCUEDIT_SMP_KEY_COUNTER         "ctr"
#define MCUEDIT_SMP_KEY_DAMAGE          "damage"
#define MCUEDIT_SMP_KEY_DEVELOPMENT     "dev"
#define MCUEDIT_SMP_KEY_ERASE           "erase"
#define MCUEDIT_SMP_KEY_ERASES          "wear"
#define MCUEDIT_SMP_KEY_FIRST           "first"
#define MCUEDIT_SMP_KEY_FIXES           "fixes"
#define MCUEDIT_SMP_KEY_GOOD            "good"
#define MCUEDIT_SMP_KEY_HASH            "hash"
#define MCUEDIT_SMP_KEY_HEAD            "head"
#define MCUEDIT_SMP_KEY_ID              "id"
#define MCUEDIT_SMP_KEY_IN_TRIAL        "test"
#define MCUEDIT_SMP_KEY_KEY             "key"
#define MCUEDIT_SMP_KEY_KEYS            "keys"
#define MCUEDIT_SMP_KEY_LABEL           "label"
#define MCUEDIT_SMP_KEY_LEARNED         "made"
#define MCUEDIT_SMP_KEY_LOG             "log"
#define MCUEDIT_SMP_KEY_MACS            "macs"
#define MCUEDIT_SMP_KEY_MASK            "mask"
#define MCUEDIT_SMP_KEY_MINIMUM_COUNTER "floor"
#define MCUEDIT_SMP_KEY_MORE            "more"
#define MCUEDIT_SMP_KEY_NAME            "name"
#define MCUEDIT_SMP_KEY_NEXT            "next"
#define MCUEDIT_SMP_KEY_NONCE           "nonce"
#define MCUEDIT_SMP_KEY_OPEN_ERASES     "worn"
#define MCUEDIT_SMP_KEY_OUTPUT          "out"
#define MCUEDIT_SMP_KEY_PACKAGE_VERSION "ver"
#define MCUEDIT_SMP_KEY_PROOF           "proof"
#define MCUEDIT_SMP_KEY_REVOCATION      "rev"
#define MCUEDIT_SMP_KEY_REVOKED         "revoked"
#define MCUEDIT_SMP_KEY_RIGHT           "right"
#define MCUEDIT_SMP_KEY_RUNS            "runs"
#define MCUEDIT_SMP_KEY_SHARE           "ab"
#define MCUEDIT_SMP_KEY_SIGNED          "signed"
#define MCUEDIT_SMP_KEY_SIZE            "size"
#define MCUEDIT_SMP_KEY_SLOT            "slot"
#define MCUEDIT_SMP_KEY_SLOT_SIZE       "room"
#define MCUEDIT_SMP_KEY_SLOTS           "slots"
#define MCUEDIT_SMP_KEY_START           "from"
#define MCUEDIT_SMP_KEY_STATE           "state"
#define MCUEDIT_SMP_KEY_STEP            "step"
#define MCUEDIT_SMP_KEY_TENSOR          "in"
#define MCUEDIT_SMP_KEY_TEXT            "text"
#define MCUEDIT_SMP_KEY_TRIAL           "trial"
#define MCUEDIT_SMP_KEY_UPLOAD          "up"
#define MCUEDIT_SMP_KEY_WHO             "who"

/* Keys that mcumgr defines. */
#define MCUEDIT_SMP_KEY_ACTIVE          "active"
#define MCUEDIT_SMP_KEY_BOOTABLE        "bootable"
#define MCUEDIT_SMP_KEY_BUFFER_COUNT    "buf_count"
#define MCUEDIT_SMP_KEY_BUFFER_SIZE     "buf_size"
#define MCUEDIT_SMP_KEY_CODE            "rc"
#define MCUEDIT_SMP_KEY_CONFIRM         "confirm"
#define MCUEDIT_SMP_KEY_CONFIRMED       "confirmed"
#define MCUEDIT_SMP_KEY_DATA            "data"
#define MCUEDIT_SMP_KEY_ECHO            "d"
#define MCUEDIT_SMP_KEY_ECHOED          "r"
#define MCUEDIT_SMP_KEY_ERROR           "err"
#define MCUEDIT_SMP_KEY_GROUP           "group"
#define MCUEDIT_SMP_KEY_IMAGES          "images"
#define MCUEDIT_SMP_KEY_LENGTH          "len"
#define MCUEDIT_SMP_KEY_MATCH           "match"
#define MCUEDIT_SMP_KEY_OFFSET          "off"
#define MCUEDIT_SMP_KEY_PENDING         "pending"
#define MCUEDIT_SMP_KEY_REASON          "rsn"
#define MCUEDIT_SMP_KEY_SHA             "sha"
#define MCUEDIT_SMP_KEY_VERSION         "version"

#endif
