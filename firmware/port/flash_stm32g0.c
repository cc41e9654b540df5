/* SPDX-License-Identifier: Apache-2.0 */
/* STM32G0 with one bank: RM0444, chapter 3: "FLASH program and erase operations" and what follows, registers. */
#include <stdint.h>

#define KEYR     REGISTER(0x08u)
#define SR       REGISTER(0x10u)
#define CR       REGISTER(0x14u)
#define SR_WAIT  (1u << 16 | 1u << 18) /* BSY1, CFGBSY */
#define SR_FLAGS 0xC3FBu               /* EOP and every error: written to be cleared */

static uint32_t select_page(uint32_t page);

#include "flash_double_word.h"

static uint32_t select_page(uint32_t page)
{
    return page << CR_PNB_POSITION;
}
