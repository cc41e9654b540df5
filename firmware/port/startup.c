/* SPDX-License-Identifier: Apache-2.0 */
/* Reset, faults and the vector table of any Cortex-M. */
#include "port.h"
#include "mcuedit/config.h"
#if MCUEDIT_TRACE
#include "trace.h"
#define SYSTICK port_systick
#else
#define SYSTICK port_fault
#endif

#define STACK_PAINT   0xA5A5A5A5u

/* Coprocessor access control: full access to CP10 and CP11, the FPU and MVE. */
#define CPACR         (*(volatile uint32_t *)0xE000ED88u)
#define CPACR_FP_FULL (0xFu << 20)

/* Application interrupt and reset control: the key that a write needs, and the request. */
#define AIRCR         (*(volatile uint32_t *)0xE000ED0Cu)
#define AIRCR_RESET   (0x05FAu << 16 | 0x4u)

#define FRAME_PC      24 /* offset of the return address in an exception frame */

int main(void);
void port_reset(void);
void port_fault(void);
void port_fault_report(uint32_t pc);

typedef void (*handler)(void);

#ifdef PORT_CONSTRUCTORS /* of C++ */
extern const handler port_init_start[];
extern const handler port_init_end[];
#endif

/* The first word is the initial stack pointer, which is no function: hence a structure. No interrupt is ever enabled,
 * and no exception but the one that counts (trace.c). */
typedef struct {
    const uint32_t *stack_top;
    handler reset;
    handler system[14];
} vector_table;

__attribute__((section(".vectors"), used)) const vector_table port_vectors = {
    port_stack_top,
    port_reset,
    {port_fault, port_fault, port_fault, port_fault, port_fault, port_fault, port_fault, port_fault, port_fault,
     port_fault, port_fault, port_fault, port_fault, SYSTICK},
};

#ifdef PORT_WRITES /* board.toml's init: clocks and pins */
static const struct {
    uint32_t address, clear, set;
} writes[] = {PORT_WRITES};

static void write_registers(void)
{
    for (uint32_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++) {
        volatile uint32_t *at = (volatile uint32_t *)writes[i].address;
        *at = (*at & ~writes[i].clear) | writes[i].set;
        (void)*at; /* a clock takes two cycles to get through to what is written next */
    }
}
#endif

/* volatile keeps compilers from turning the loops into calls that need a stack or an FPU not yet there. */
__attribute__((noreturn, used)) void port_reset(void)
{
#if defined(__ARM_ARCH) && __ARM_ARCH >= 8
    __asm volatile("msr msplim, %0" ::"r"(port_stack_limit)); /* an overflow faults instead of running into .bss */
#endif
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
    CPACR |= CPACR_FP_FULL;
    __asm volatile("dsb\n isb" ::: "memory");
#endif
    const uint32_t *from = port_data_load;
    for (volatile uint32_t *to = port_data_start; to < port_data_end; to++) {
        *to = *from++;
    }
    for (volatile uint32_t *to = port_bss_start; to < port_bss_end; to++) {
        *to = 0;
    }
    uint32_t *sp;
    __asm volatile("mov %0, sp" : "=r"(sp));
    for (volatile uint32_t *to = port_stack_limit; to < sp; to++) {
        *to = STACK_PAINT;
    }
#ifdef PORT_WRITES
    write_registers();
#endif
    port_uart_init();
#ifdef PORT_CONSTRUCTORS
    for (const handler *constructor = port_init_start; constructor < port_init_end; constructor++) {
        (*constructor)();
    }
#endif
    (void)main();
    for (;;) {
        __asm volatile("wfi");
    }
}

void port_restart(void)
{
    __asm volatile("dsb" ::: "memory"); /* what is on its way to flash or UART gets there */
    AIRCR = AIRCR_RESET;
    __asm volatile("dsb" ::: "memory");
    for (;;) {
    }
}

uint32_t port_stack_peak(void)
{
    const uint32_t *word = port_stack_limit;
    while (word < port_stack_top && *word == STACK_PAINT) {
        word++;
    }
    return (uint32_t)(port_stack_top - word) * (uint32_t)sizeof(*word);
}

/*
 * The stack may be what is broken, so the report starts on a fresh one, after the faulting address was taken from the
 * exception frame: `pc` is 0 if there can be no frame.
 */
__attribute__((naked, used)) void port_fault(void)
{
    __asm volatile("mrs r1, msp\n"
                   "ldr r2, =port_stack_limit\n"
                   "ldr r3, =port_stack_top\n"
                   "movs r0, #0\n"
                   "cmp r1, r2\n"
                   "blo 1f\n"
                   "cmp r1, r3\n"
                   "bhs 1f\n"
                   "ldr r0, [r1, %0]\n"
                   "1: mov sp, r3\n"
                   "ldr r2, =port_fault_report\n"
                   "bx r2\n" ::"i"(FRAME_PC));
}

__attribute__((noreturn, used)) void port_fault_report(uint32_t pc)
{
    uint32_t exception;
    __asm volatile("mrs %0, ipsr" : "=r"(exception));
    port_print("\nfault exception=");
    port_print_unsigned(exception);
    port_print(" pc=0x");
    port_print_hex(pc, 8);
    port_uart_write('\n');
    for (;;) {
        __asm volatile("wfi");
    }
}
