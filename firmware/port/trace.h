/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instruction counts without a debugger: SysTick, read at marked points of an inference.
 *
 * SysTick has 24 bits and counts down. Its exception counts how often it wraps, so that ticks are 32 bits that count
 * up; a dozen instructions for 2^24 ticks are lost to it. Only differences between trace points mean anything. The
 * first two are taken back to back: what lies between them is what a trace point costs.
 */
#ifndef MCUEDIT_TRACE_H
#define MCUEDIT_TRACE_H

#include <stdint.h>

/* Starts SysTick. */
void port_trace_init(void);

/* Its exception. */
void port_systick(void);

/* Instructions executed so far, from whoever executes them; 0: nobody says. */
extern volatile uint32_t port_instructions;

/* Forgets the last inference's trace points and takes the two calibrating ones. */
void port_trace_begin(void);

/* Takes one. Generated code calls it when built with MCUEDIT_TRACE; those beyond PORT_TRACE_POINTS are dropped. */
void mcuedit_trace(void);

uint32_t port_trace_count(void);
uint32_t port_trace_ticks(uint32_t index);

#endif
