/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUEDIT_SIGNER_H
#define MCUEDIT_SIGNER_H

/* A DER SubjectPublicKeyInfo: what comes before the 32 bytes of an Ed25519 key. */
#define MCUEDIT_KEY_PREFIX {0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00}

#endif
