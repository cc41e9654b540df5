/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instruction counts without a debugger: SysTick, read at marked points of an inference.
 *
 * SysTick has 24 bits and counts down. Only differences between neighbouring probes mean anything, so it may wrap as
 * often as it likes as long as no two neighbours are 2^24 ticks apart. The first two probes are taken back to back:
 * what lies between them is what a probe costs.
 */
#ifndef MCUEDIT_PROBE_H
#define MCUEDIT_PROBE_H

#include <stdint.h>

/* Starts SysTick. */
void port_probe_init(void);

/* Forgets the last inference's probes and takes the two calibrating ones. */
void port_probe_begin(void);

/* Takes one. Generated code calls it when built with MCUEDIT_PROBE; those beyond PORT_PROBES are dropped. */
void mcuedit_probe(void);

uint32_t port_probe_count(void);
uint32_t port_probe_ticks(uint32_t index);

#endif
