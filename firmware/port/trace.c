/* SPDX-License-Identifier: Apache-2.0 */
#include "trace.h"

#include "mcuedit/compiler.h"

#define SYST_CSR       (*(volatile uint32_t *)0xE000E010u)
#define SYST_RVR       (*(volatile uint32_t *)0xE000E014u)
#define SYST_CVR       (*(volatile uint32_t *)0xE000E018u)

#define ICSR           (*(volatile uint32_t *)0xE000ED04u)

#define CSR_ENABLE     0x1u
#define CSR_INTERRUPT  0x2u
#define CSR_CORE_CLOCK 0x4u
#define ICSR_PENDSTSET (1u << 26)

/* The build sets it from the number of ops of the base. */
#ifndef PORT_TRACE_POINTS
#define PORT_TRACE_POINTS 64
#endif

/* One console, one inference at a time: the only state of the port. */
static uint32_t ticks[PORT_TRACE_POINTS];
static uint32_t taken;
static uint32_t width; /* all ones: a virtual SysTick may have more than 24 bits and need no exception */
static volatile uint32_t wraps;

/* An emulator that stops at mcuedit_trace may put here what it has executed; SysTick is not read then. */
volatile uint32_t port_instructions;

void port_trace_init(void)
{
    SYST_RVR = UINT32_MAX;
    width = SYST_RVR;
    SYST_CVR = 0;
    SYST_CSR = CSR_ENABLE | CSR_INTERRUPT | CSR_CORE_CLOCK;
}

void port_systick(void)
{
    wraps++;
}

/* Again if it wraps meanwhile, or did and the exception is still to come. */
static uint32_t now(void)
{
    uint32_t before = port_instructions, value;
    if (before != 0) {
        return before;
    }
    do {
        before = wraps;
        value = SYST_CVR;
    } while ((ICSR & ICSR_PENDSTSET) != 0 || before != wraps);
    return (before << 24) + ((0u - value) & width);
}

void port_trace_begin(void)
{
    taken = 0;
    mcuedit_trace();
    mcuedit_trace();
}

/* Never inlined: every trace point must cost the same. */
MCUEDIT_NOINLINE void mcuedit_trace(void)
{
    if (taken < PORT_TRACE_POINTS) {
        ticks[taken] = now();
        taken++;
    }
}

uint32_t port_trace_count(void)
{
    return taken;
}

uint32_t port_trace_ticks(uint32_t index)
{
    return ticks[index];
}
