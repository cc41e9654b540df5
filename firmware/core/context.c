/* SPDX-License-Identifier: Apache-2.0 */
/* Which adapters are active. */
#include <stdbool.h>
#include <stddef.h>

#include "delta.h"
#include "mcuedit/mcuedit.h"

void mcuedit_context_init(mcuedit_context *context, const mcuedit_base *base, int8_t *h, uint16_t h_size)
{
    *context = (mcuedit_context){.base = base, .h = h, .h_size = h_size};
}

/* The name that the first of the adapters up to `end` which names class `index` gives it; NULL if none does. */
static const uint8_t *find_label(const mcuedit_adapter *const *adapter, const mcuedit_adapter *const *end,
                                 uint32_t index)
{
    for (; adapter != end; adapter++) {
        const uint8_t *label = (*adapter)->labels;
        for (; (*adapter)->end - label >= 4; label += 3 + label[2]) {
            if (mcuedit_label_class(label) == index) {
                return label;
            }
        }
    }
    return NULL;
}

static bool equal(const uint8_t *label, const uint8_t *other)
{
    for (uint32_t i = 0; i < 3u + label[2]; i++) {
        if (label[i] != other[i]) {
            return false;
        }
    }
    return true;
}

/* Do the adapters before number `position`, which agree, give the labels of this one another name? */
static bool contradicts(const mcuedit_set *set, uint32_t position)
{
    const mcuedit_adapter *const *adapter = set->adapters + position;
    for (const uint8_t *label = (*adapter)->labels; (*adapter)->end - label >= 4; label += 3 + label[2]) {
        const uint8_t *other = find_label(set->adapters, adapter, mcuedit_label_class(label));
        if (other != NULL && !equal(label, other)) {
            return true;
        }
    }
    return false;
}

int mcuedit_context_set(mcuedit_context *context, const mcuedit_set *set)
{
    uint32_t rank = 0;
    for (uint32_t i = 0; set != NULL && i < set->count; i++) {
        if (set->adapters[i]->base != context->base) {
            return MCUEDIT_E_BASE;
        }
        rank += set->adapters[i]->rank;
        if (rank > context->h_size) {
            return MCUEDIT_E_RANK;
        }
        if (contradicts(set, i)) {
            return MCUEDIT_E_LABEL;
        }
    }
    __asm__ volatile("" ::: "memory"); /* the set is complete in memory before an inference can latch it */
    context->next = set;
    return MCUEDIT_OK;
}

void mcuedit_context_latch(mcuedit_context *context)
{
    if (context == NULL) {
        return;
    }
    const mcuedit_set *set = context->next; /* once: it may change at any time */
    mcuedit_op_bits ops = {0, 0, 0};
    if (set != NULL) {
        const mcuedit_adapter *const *adapter = set->adapters, *const *end = adapter + set->count;
        for (; adapter != end; adapter++) {
            ops.own |= (*adapter)->ops.own;
            ops.tapped |= (*adapter)->ops.tapped;
            ops.targeted |= (*adapter)->ops.targeted;
        }
    }
    context->now = set;
    context->ops = ops;
    context->due = ops.own;
    context->reached = 0;
}

const char *mcuedit_context_label(const mcuedit_context *context, uint16_t index, uint8_t *length)
{
    const mcuedit_set *set = context->next;
    const uint8_t *label = set == NULL ? NULL : find_label(set->adapters, set->adapters + set->count, index);
    if (label == NULL) {
        return NULL;
    }
    *length = label[2];
    return (const char *)(label + 3);
}
