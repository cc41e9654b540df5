/* SPDX-License-Identifier: Apache-2.0 */
/* STM32L5 with two banks (DBANK, as delivered): RM0438, chapter 6: "Flash program and erase", registers. */
#include <stdint.h>

#define KEYR           REGISTER(0x08u) /* NSKEYR */
#define SR             REGISTER(0x20u) /* NSSR */
#define CR             REGISTER(0x28u) /* NSCR */
#define SR_WAIT        (1u << 16)      /* NSBSY */
#define SR_FLAGS       0x20FBu         /* EOP and every error: written to be cleared */
#define CR_BKER        (1u << 11)
#define PAGES_PER_BANK 128u

static uint32_t select_page(uint32_t page);

#include "flash_double_word.h"

static uint32_t select_page(uint32_t page)
{
    return (page % PAGES_PER_BANK) << CR_PNB_POSITION | (page >= PAGES_PER_BANK ? CR_BKER : 0);
}
