/* SPDX-License-Identifier: Apache-2.0 */
#include "learning.h"

#include <stddef.h>

#include "apps/common/app.h"
#include "base_train.h"
#include "port/flash.h"
#include "apps/common/line.h"
#include "mcuedit/kernels.h"
#include "mcuedit/session.h"
#include "apps/common/updatable.h"
#include "port/port.h"
#include "apps/common/correction.h"

#define ADAPTER_MAX ((uint32_t)BASE_TRAIN_ADAPTER(CORRECTION_LABEL))
/* Slots of a place, and of both. */
#define PLACE       ((MCUEDIT_CHECKPOINT_SIZE(BASE_TRAIN_WORKSPACE) + PORT_FLASH_SLOT - 1u) / PORT_FLASH_SLOT)
#define ASIDE       (2u * PLACE)

MCUEDIT_STATIC_ASSERT(ASIDE + 2u <= PORT_FLASH_SLOTS,
                      checkpoints_leave_no_two_slots_give_the_board_more_or_larger_ones);

static struct {
    base_train_workspace workspace;
    uint32_t adapter[(ADAPTER_MAX + 3u) / 4u];
    mcuedit_checkpoint checkpoint;
    mcuedit_session_config config;
    mcuedit_session session;
} learning;

mcuedit_flash learning_flash(const mcuedit_flash *flash)
{
    mcuedit_flash kept = *flash;
    kept.slot_count = (uint8_t)(flash->slot_count - ASIDE);
    learning.checkpoint = (mcuedit_checkpoint){
        .flash = flash,
        .offset = PORT_FLASH_JOURNAL * PORT_FLASH_PAGE + kept.slot_count * flash->slot_size,
        .size = PLACE * flash->slot_size,
    };
    return kept;
}

int learning_start(void)
{
    learning.config = (mcuedit_session_config){
        .gate = &base_train,
        .store = updatable_store(),
        .checkpoint = &learning.checkpoint,
        .workspace = &learning.workspace.state,
        .workspace_size = sizeof(learning.workspace),
        .adapter = learning.adapter,
        .adapter_size = sizeof(learning.adapter),
        .seed = 1,
        .every = LEARNING_EVERY,
        .boots = UPDATABLE_BOOTS,
        .enough = LEARNING_ENOUGH,
    };
    int err = mcuedit_session_start(&learning.session, &learning.config);
    return err < 0 ? err : MCUEDIT_OK;
}

static int tell(int32_t wanted)
{
    const int8_t *x = BASE_TRAIN_TAP(app_arena), *logits = MODEL_LOGITS(app_arena, APP_OUTPUT);
    if (wanted < 0) {
        return mcuedit_session_right(&learning.session, x, updatable_arm());
    }
    return mcuedit_session_correct(&learning.session, x, logits, (uint16_t)wanted, updatable_arm());
}

static int smp_tell(void *context, const mcuedit_smp_inference *given, int32_t wanted)
{
    (void)context;
    mcuedit_smp_inference inference = *given;
    int err = wanted < MODEL_LOGITS_SIZE ? updatable_infer(&inference) : MCUEDIT_E_CLASS;
    return err ? err : tell(wanted);
}

static int smp_train(void *context, uint32_t macs, mcuedit_smp_training *training)
{
    (void)context;
    const mcuedit_train_state *state = &learning.workspace.state;
    int more = macs > 0 ? mcuedit_session_train(&learning.session, macs) : MCUEDIT_OK;
    *training = (mcuedit_smp_training){.fixes = state->corrections, .step = state->step, .more = more > 0};
    return more < 0 ? more : MCUEDIT_OK;
}

static int adopt(const char *label, uint8_t length)
{
    return mcuedit_session_adopt(&learning.session, length ? label : NULL, length);
}

static int smp_adopt(void *context, const uint8_t *name, uint32_t size)
{
    (void)context;
    int made = size <= CORRECTION_LABEL ? adopt((const char *)name, (uint8_t)size) : MCUEDIT_E_SIZE;
    return made < 0 ? made : MCUEDIT_OK;
}

static int smp_forget(void *context)
{
    (void)context;
    return mcuedit_session_forget(&learning.session);
}

void learning_over_smp(mcuedit_smp_config *config)
{
    config->tell = smp_tell;
    config->train = smp_train;
    config->adopt = smp_adopt;
    config->forget = smp_forget;
}

int learning_fix(void)
{
    int32_t wanted = correction_number();
    if (wanted < 0) {
        return MCUEDIT_E_COMMAND;
    }
    int err = wanted < MODEL_LOGITS_SIZE ? correction_infer() : MCUEDIT_E_CLASS;
    return line_ok(err ? err : tell(wanted));
}

int learning_yes(void)
{
    int err = correction_infer();
    return line_ok(err ? err : tell(-1));
}

static int step(uint32_t macs)
{
    return mcuedit_session_train(&learning.session, macs);
}

int learning_train(void)
{
    return correction_train(step, &learning.workspace.state);
}

int learning_adopt(void)
{
    char label[CORRECTION_LABEL];
    uint8_t length;
    int size = correction_label(label, &length);
    if (!size) {
        mcuedit_store_idle(updatable_store());
        size = adopt(label, length);
    }
    if (size < 0) {
        return size;
    }
    port_print("adapter ");
    correction_print(learning.adapter, (uint32_t)size);
    return MCUEDIT_OK;
}

static int command(int (*run)(mcuedit_session *))
{
    if (line_byte() != LINE_END) {
        return MCUEDIT_E_COMMAND;
    }
    mcuedit_store_idle(updatable_store());
    return line_ok(run(&learning.session));
}

int learning_keep(void)
{
    return command(mcuedit_session_keep);
}

int learning_drop(void)
{
    return command(mcuedit_session_drop);
}
