/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUEDIT_TRAIN_BYTES_H
#define MCUEDIT_TRAIN_BYTES_H

#include "mcuedit/mcuedit.h"

/* Little-endian fields of an adapter that is being written; no alignment. */
void mcuedit_train_put16(uint8_t *to, uint32_t value);
void mcuedit_train_put32(uint8_t *to, uint32_t value);

/* Fields of a delta's header that follow from the base; the caller fills in the others. */
void mcuedit_train_put_delta(const mcuedit_base *base, uint32_t tap, uint32_t target, uint8_t *delta);

/* Zeros up to a word, counted from `start`; returns the end. */
uint8_t *mcuedit_train_pad(uint8_t *to, const uint8_t *start);

/* Header and CRC of an adapter of one delta that ends before `end`; returns its size. */
uint32_t mcuedit_train_seal(const mcuedit_base *base, uint8_t *adapter, const uint8_t *end);

#endif
