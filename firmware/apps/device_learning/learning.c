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

#define ADAPTER_MAX ((uint32_t)BASE_TRAIN_ADAPTER(TEACH_LABEL))
/* Slots of a place, and of both. */
#define PLACE       ((MCUEDIT_CHECKPOINT_SIZE(BASE_TRAIN_WORKSPACE) + PORT_FLASH_SLOT - 1u) / PORT_FLASH_SLOT)
#define ASIDE       (2u * PLACE)

_Static_assert(ASIDE + 2u <= PORT_FLASH_SLOTS, "checkpoints leave no two slots: give the board more or larger ones");

static struct {
    uint32_t workspace[(BASE_TRAIN_WORKSPACE + 3u) / 4u];
    uint32_t adapter[(ADAPTER_MAX + 3u) / 4u];
    mcuedit_checkpoint checkpoint;
    mcuedit_learner_config config;
    mcuedit_learner learner;
} lesson;

mcuedit_flash lesson_flash(const mcuedit_flash *flash)
{
    mcuedit_flash kept = *flash;
    kept.slot_count = (uint8_t)(flash->slot_count - ASIDE);
    lesson.checkpoint = (mcuedit_checkpoint){
        .flash = flash,
        .offset = PORT_FLASH_JOURNAL * PORT_FLASH_PAGE + kept.slot_count * flash->slot_size,
        .size = PLACE * flash->slot_size,
    };
    return kept;
}

int lesson_start(void)
{
    lesson.config = (mcuedit_learner_config){
        .gate = &base_train,
        .store = node_store(),
        .checkpoint = &lesson.checkpoint,
        .workspace = lesson.workspace,
        .workspace_size = sizeof(lesson.workspace),
        .adapter = lesson.adapter,
        .adapter_size = sizeof(lesson.adapter),
        .seed = 1,
        .every = LESSON_EVERY,
        .boots = NODE_BOOTS,
        .enough = LESSON_ENOUGH,
    };
    int err = mcuedit_learner_start(&lesson.learner, &lesson.config);
    return err < 0 ? err : MCUEDIT_OK;
}

static int tell(int32_t wanted)
{
    const int8_t *x = BASE_TRAIN_TAP(app_arena), *logits = MODEL_LOGITS(app_arena, APP_OUTPUT);
    if (wanted < 0) {
        return mcuedit_learner_right(&lesson.learner, x, node_arm());
    }
    return mcuedit_learner_correct(&lesson.learner, x, logits, (uint16_t)wanted, node_arm());
}

int lesson_tell(const mcuedit_smp_inference *given, int32_t wanted)
{
    mcuedit_smp_inference inference = *given;
    int err = wanted < MODEL_LOGITS_SIZE ? node_infer(&inference) : MCUEDIT_E_CLASS;
    return err ? err : tell(wanted);
}

int lesson_fix(void)
{
    int32_t wanted = teach_number();
    if (wanted < 0) {
        return MCUEDIT_E_COMMAND;
    }
    int err = wanted < MODEL_LOGITS_SIZE ? teach_infer() : MCUEDIT_E_CLASS;
    return line_ok(err ? err : tell(wanted));
}

int lesson_yes(void)
{
    int err = teach_infer();
    return line_ok(err ? err : tell(-1));
}

static int step(uint32_t macs)
{
    return mcuedit_learner_train(&lesson.learner, macs);
}

int lesson_train(void)
{
    return teach_train(step, lesson.workspace);
}

int lesson_adopt(void)
{
    char label[TEACH_LABEL];
    uint8_t length;
    int size = teach_label(label, &length);
    if (!size) {
        mcuedit_store_idle(node_store());
        size = mcuedit_learner_adopt(&lesson.learner, length ? label : NULL, length);
    }
    if (size < 0) {
        return size;
    }
    port_print("adapter ");
    teach_print(lesson.adapter, (uint32_t)size);
    return MCUEDIT_OK;
}

static int command(int (*run)(mcuedit_learner *))
{
    if (line_byte() != LINE_END) {
        return MCUEDIT_E_COMMAND;
    }
    mcuedit_store_idle(node_store());
    return line_ok(run(&lesson.learner));
}

int lesson_keep(void)
{
    return command(mcuedit_learner_keep);
}

int lesson_drop(void)
{
    return command(mcuedit_learner_drop);
}
