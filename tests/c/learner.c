/* SPDX-License-Identifier: Apache-2.0 */
/* A device with a store (tests/powerloss/device.c) that learns; its checkpoints are in a flash of their own. */
#include <stddef.h>
#include <string.h>

#include "device.h"
#include "mcuedit/session.h"
#include "net_train.h"

#define PLACE 4096u

const uint32_t learner_workspace = NET_TRAIN_WORKSPACE;

static struct {
    flash_model flash;
    uint8_t bytes[2u * PLACE], units[2u * PLACE];
    mcuedit_checkpoint checkpoint;
    net_train_workspace workspace;
    uint32_t adapter[(NET_TRAIN_ADAPTER(8) + 3u) / 4u];
    mcuedit_session_config config;
    mcuedit_session learner;
} it;

/* A new flash for two checkpoints. */
flash_model *learner_flash(uint32_t unit, uint32_t page)
{
    it.flash = (flash_model){
        .part = {.program_unit = unit, .erase_page = page, .slot_size = PLACE, .slot_count = 2},
        .bytes = it.bytes,
        .units = it.units,
    };
    flash_model_init(&it.flash);
    flash_model_blank(&it.flash);
    it.checkpoint = (mcuedit_checkpoint){&it.flash.part, 0, PLACE};
    return &it.flash;
}

const mcuedit_checkpoint *learner_checkpoint(void)
{
    return &it.checkpoint;
}

void learner_cut(uint32_t at, uint32_t kind, uint32_t amount, uint32_t seed)
{
    it.flash.cut_at = it.flash.operations + at + 1;
    it.flash.cut_kind = kind;
    it.flash.cut_amount = amount;
    it.flash.cut_seed = seed;
}

/* Power is back. Whether it was cut. */
int learner_power(void)
{
    int dead = (int)it.flash.dead;
    flash_model_power_on(&it.flash);
    return dead;
}

uint32_t learner_operations(void)
{
    return it.flash.operations;
}

uint32_t learner_violations(void)
{
    return it.flash.violations;
}

uint32_t learner_blank(void)
{
    uint32_t blank = 1;
    for (uint32_t i = 0; i < sizeof(it.bytes); i++) {
        blank &= it.bytes[i] == UINT8_MAX;
    }
    return blank;
}

/* Starts the learner of a device that has booted, with `size` bytes of workspace. */
int learner_start(uint32_t size, uint8_t enough, int32_t (*rule)(void *context, uint16_t answer))
{
    memset(&it.workspace, 0xA5, sizeof(it.workspace));
    it.config = (mcuedit_session_config){.gate = &net_train,
                                         .store = device_store(),
                                         .checkpoint = &it.checkpoint,
                                         .workspace = &it.workspace.state,
                                         .workspace_size = size,
                                         .adapter = it.adapter,
                                         .adapter_size = sizeof(it.adapter),
                                         .seed = 1,
                                         .every = 8,
                                         .boots = 3,
                                         .enough = enough,
                                         .rule = rule};
    return mcuedit_session_start(&it.learner, &it.config);
}

mcuedit_session *learner_it(void)
{
    return &it.learner;
}

const uint32_t *learner_bytes(void)
{
    return it.workspace.words;
}
