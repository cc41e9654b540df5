/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What devices that can be updated share: a base, a store of adapters, two arms, SMP. It implements app.h, with the
 * store's adapters in place of compiled-in ones: app_start and app_use are those of app.c and not here.
 *
 * Generated for each build: model.h, adapters.h (none), keys.h (whom the device trusts) and device.h (what it is).
 */
#ifndef MCUEDIT_UPDATABLE_H
#define MCUEDIT_UPDATABLE_H

#include "app.h"
#include "mcuedit/smp.h"

/*
 * 1: whoever reaches the console may report outcomes and teach, as the application's own user. 0: operators alone do,
 * over SMP; the console asks. It is yours to say where nobody else gets at the console.
 */
#ifndef DEVICE_CONSOLE
#if MCUEDIT_AUTHORITY
#define DEVICE_CONSOLE 0
#else
#define DEVICE_CONSOLE 1
#endif
#endif

/* Boots that a trial has if the host does not say. */
#ifndef UPDATABLE_BOOTS
#define UPDATABLE_BOOTS 3
#endif

/* Factors of all adapters that can be active together. */
#ifndef UPDATABLE_RANK
#define UPDATABLE_RANK 64
#endif

/* The largest SMP message. */
#ifndef UPDATABLE_BUFFER
#define UPDATABLE_BUFFER 1024
#endif

/*
 * Checks the base, opens the store in `flash`. Returns the first error: E_BASE: no inference will run and nothing be
 * activated; another: the store does not remember, or its confirmed set is damaged (mcuedit_store_open). `id` names
 * this device, in at most 16 bytes.
 */
int updatable_start(const char *id, const mcuedit_flash *flash);

/* One message, between two inferences. As mcuedit_smp_handle. */
uint32_t updatable_handle(const uint8_t *request, uint32_t size, uint8_t *response, uint32_t capacity);

#if MCUEDIT_AUTHORITY
/* What commands are judged by: the keys of operators. Give it a policy, a MAC or random bytes before updatable_start.
 */
mcuedit_authority *updatable_authority(void);

/* Whom the next message is from, as mcuedit_smp_from. */
void updatable_peer(uint32_t peer);
#endif

/* Whether a request asked for a reset, which is to follow its response. */
int updatable_wants_reset(void);

/*
 * On whose behalf inferences run from now on: `size` bytes, at most 32, that name a user or context; none: the device
 * itself. While a trial runs, FNV-1a of the id, a zero byte and these, modulo 100, tells whether the trial (below its
 * share) or the confirmed set answers. Returns the arm: 1 or 0.
 */
uint8_t updatable_who(const uint8_t *who, uint32_t size);

/* The outcome of the last inference, as the application judges it. */
void updatable_outcome(uint8_t good);

/* For what learns beside it (learning.h): the store, the arm of the last inference, and an inference of SMP's. */
mcuedit_store *updatable_store(void);
uint8_t updatable_arm(void);
int updatable_infer(mcuedit_smp_inference *inference);

#endif
