/* SPDX-License-Identifier: Apache-2.0 */
/* STM32F0: RM0091, chapter 3: "Flash program and erase operations", registers. Half-words; a page by its address. */
#define KEYR     REGISTER(0x04u)
#define SR       REGISTER(0x0Cu)
#define CR       REGISTER(0x10u)
#define AR       REGISTER(0x14u)

#define SR_WAIT  (1u << 0)
#define SR_FLAGS 0x34u /* PGERR, WRPRTERR, EOP: written to be cleared */
#define CR_PG    (1u << 0)
#define CR_PER   (1u << 1)
#define CR_STRT  (1u << 6)
#define CR_LOCK  (1u << 7)

#include "flash_stm32.h"

int port_flash_erase_page(uint32_t address, uint32_t page)
{
    (void)page;
    CR = CR_PER;
    AR = address;
    CR = CR_PER | CR_STRT;
    (void)CR; /* BSY rises a cycle after STRT */
    return wait();
}

int port_flash_program_unit(uint32_t address, const uint32_t *unit)
{
    CR = CR_PG;
    *(volatile uint16_t *)address = (uint16_t)*unit;
    return wait();
}
