/* SPDX-License-Identifier: Apache-2.0 */
/* STM32F0: RM0091, chapter 3: "Flash program and erase operations", registers. Half-words; a page by its address. */
#include "flash.h"

#define REGISTER(offset) (*(volatile uint32_t *)(PORT_FLASH_CONTROLLER + (offset)))
#define KEYR             REGISTER(0x04u)
#define SR               REGISTER(0x0Cu)
#define CR               REGISTER(0x10u)
#define AR               REGISTER(0x14u)

#define KEY_1            0x45670123u
#define KEY_2            0xCDEF89ABu
#define SR_BSY           (1u << 0)
#define SR_FLAGS         0x34u /* PGERR, WRPRTERR, EOP: written to be cleared */
#define CR_PG            (1u << 0)
#define CR_PER           (1u << 1)
#define CR_STRT          (1u << 6)
#define CR_LOCK          (1u << 7)

static void wait(void)
{
    while ((SR & SR_BSY) != 0) {
    }
}

void port_flash_unlock(void)
{
    wait();
    KEYR = KEY_1;
    KEYR = KEY_2;
    SR = SR_FLAGS;
}

void port_flash_lock(void)
{
    CR = CR_LOCK;
}

void port_flash_erase_page(uint32_t address, uint32_t page)
{
    (void)page;
    CR = CR_PER;
    AR = address;
    CR = CR_PER | CR_STRT;
    (void)CR; /* BSY rises a cycle after STRT */
    wait();
}

void port_flash_program_unit(uint32_t address, const uint32_t *unit)
{
    CR = CR_PG;
    *(volatile uint16_t *)address = (uint16_t)*unit;
    wait();
}
