/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUEDIT_SMP_AUTHORITY_H
#define MCUEDIT_SMP_AUTHORITY_H

#include "message.h"

#if MCUEDIT_IDENTITY && !MCUEDIT_AUTHORITY
#error "MCUEDIT_IDENTITY needs MCUEDIT_AUTHORITY"
#endif

#if MCUEDIT_AUTHORITY

/* Counts a request; before any of it is looked at. */
void mcuedit_smp_count(mcuedit_smp *smp);

/*
 * May a request of this class be carried out? Its body lies behind its header. 0, or the error that refuses it. Who
 * begins an upload looks at `exchange->leave`.
 */
int mcuedit_smp_authorize(mcuedit_smp_exchange *exchange, uint8_t asks);

/* Group 64: the nonce, and which classes have to be signed. */
mcuedit_smp_handler mcuedit_smp_tell_nonce;

#if MCUEDIT_IDENTITY
/* Group 64: the device's own key. */
mcuedit_smp_handler mcuedit_smp_tell_identity;

/* Behind what was put into the answer: the proof that this device gave it, if it can and the request wants it. */
mcuedit_smp_handler mcuedit_smp_prove;
#endif

#endif

#endif
