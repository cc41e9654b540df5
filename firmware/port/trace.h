/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instruction counts without a debugger: SysTick, read at marked points of an inference.
 *
 * SysTick has 24 bits and counts down. Its exception counts how often it wraps, so that ticks are 32 bits that count
 * up; a dozen instructions for 2^24 ticks are lost to it. Only differences between probes mean anything. The first two
 * are taken back to back: what lies between them is what a probe costs.
 */
#ifndef MCUEDIT_PROBE_H
#define MCUEDIT_PROBE_H

#include <stdint.h>

/* Starts SysTick. */
void port_probe_init(void);

/* Its exception. */
void port_systick(void);

/* Instructions executed so far, from whoever executes them; 0: nobody says. */
extern volatile uint32_t port_instructions;

/* Forgets the last inference's probes and takes the two calibrating ones. */
void port_probe_begin(void);

/* Takes one. Generated code calls it when built with MCUEDIT_PROBE; those beyond PORT_PROBES are dropped. */
void mcuedit_probe(void);

uint32_t port_probe_count(void);
uint32_t port_probe_ticks(uint32_t index);

#endif
