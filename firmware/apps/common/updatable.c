/* SPDX-License-Identifier: Apache-2.0 */
#include "updatable.h"

#include <stddef.h>

#include "device.h"
#include "keys.h"
#include "mcuedit/crypto.h"
#include "mcuedit/kernels.h"
#ifdef DEVICE_LEARNS
#include "apps/device_learning/learning.h"
#endif

#define FNV_BASIS 2166136261u
#define FNV_PRIME 16777619u

MCUEDIT_ALIGNED(4) int8_t app_arena[MODEL_ARENA_SIZE];
mcuedit_context app_context;

static const mcuedit_trust trust = {
#if MCUEDIT_KEY_COUNT > 0
    .keys = mcuedit_keys,
#endif
    .key_count = MCUEDIT_KEY_COUNT,
    .sha256 = mcuedit_sha256_of,
    .verify = mcuedit_ed25519_check,
};

#if MCUEDIT_ROOTS
static const mcuedit_roots roots = {
    .keys = mcuedit_root_keys, .count = MCUEDIT_ROOT_COUNT, .threshold = MCUEDIT_ROOT_THRESHOLD};
#endif

#if MCUEDIT_AUTHORITY
static mcuedit_authority authority = {.keys = mcuedit_operators, .key_count = MCUEDIT_OPERATOR_COUNT};
#endif

static struct {
    mcuedit_store_config store_config;
    mcuedit_store store;
    mcuedit_smp_config smp_config;
    mcuedit_smp smp;
    int base_error;
    uint32_t hash; /* of id and user, what the arm is picked by */
    uint8_t arm;   /* of the last inference */
    uint8_t reset;
    int8_t h[UPDATABLE_RANK];
} device;

static uint32_t fnv_add(uint32_t hash, uint8_t byte)
{
    return (hash ^ byte) * FNV_PRIME;
}

static uint32_t hash_of(const uint8_t *who, uint32_t size)
{
    uint32_t hash = FNV_BASIS;
    for (const char *at = device.smp_config.id; *at != '\0'; at++) {
        hash = fnv_add(hash, (uint8_t)*at);
    }
    hash = fnv_add(hash, 0);
    for (uint32_t i = 0; i < size; i++) {
        hash = fnv_add(hash, who[i]);
    }
    return hash;
}

static uint8_t arm_of(uint32_t hash)
{
    const mcuedit_store_state *state = mcuedit_store_status(&device.store);
    return state->in_trial != 0 && hash % 100u < state->share;
}

static int run_model(void)
{
    return device.base_error ? device.base_error : MODEL_INFER(&app_context, APP_INPUT, APP_OUTPUT, app_arena);
}

static int infer_for(uint32_t hash)
{
    device.arm = mcuedit_store_pick(&device.store, arm_of(hash));
    return run_model();
}

int app_infer(void)
{
    return infer_for(device.hash);
}

/* Nothing is activated over a base that may not run. */
static int prepare(void *context, const mcuedit_set *set)
{
    (void)context;
    (void)set;
    return device.base_error;
}

static int ask(void *context, const mcuedit_self_test_case *test)
{
    (void)context;
    int err = mcuedit_self_test_expand(test, APP_INPUT, MODEL_INPUT_SIZE, DEVICE_INPUT_ZERO_POINT);
    err = err ? err : run_model();
    return err ? err : app_answer();
}

static int reset(void *context)
{
    (void)context;
    device.reset = 1;
    return MCUEDIT_OK;
}

static int fill_input(const mcuedit_smp_inference *inference)
{
#if MODEL_FEATURES > 0
    if (inference->is_text) {
        mcuedit_text_features((const char *)inference->input, inference->input_size, APP_INPUT, MODEL_FEATURES);
        return MCUEDIT_OK;
    }
#endif
    if (inference->is_text) {
        return MCUEDIT_E_COMMAND;
    }
    if (inference->input_size != MODEL_INPUT_SIZE) {
        return MCUEDIT_E_SIZE;
    }
    for (uint32_t i = 0; i < MODEL_INPUT_SIZE; i++) {
        APP_INPUT[i] = (int8_t)inference->input[i];
    }
    return MCUEDIT_OK;
}

int updatable_infer(mcuedit_smp_inference *inference)
{
    int err = fill_input(inference);
    uint32_t hash = inference->who != NULL ? hash_of(inference->who, inference->who_size) : device.hash;
    err = err ? err : infer_for(hash);
    if (err) {
        return err;
    }
    inference->arm = device.arm;
    inference->answer = app_answer();
    inference->label = app_label(inference->answer, &inference->label_length);
    inference->output = APP_OUTPUT;
    inference->output_size = MODEL_OUTPUT_SIZE;
    return MCUEDIT_OK;
}

static int infer(void *context, mcuedit_smp_inference *inference)
{
    (void)context;
    return updatable_infer(inference);
}

int updatable_start(const char *id, const mcuedit_flash *flash)
{
    device.store_config =
        (mcuedit_store_config){.flash = flash, .trust = &trust, .active = &app_context, .prepare = prepare, .ask = ask};
#if MCUEDIT_ROOTS
    device.store_config.roots = &roots;
#endif
    device.smp_config = (mcuedit_smp_config){
        .store = &device.store,
        .id = id,
        .boots = UPDATABLE_BOOTS,
        .buffer_count = 1,
        .buffer_size = UPDATABLE_BUFFER,
        .reset = reset,
        .infer = infer,
    };
#if MCUEDIT_AUTHORITY
    device.smp_config.authority = &authority;
#endif
#ifdef DEVICE_LEARNS
    device.store_config.allow_local = 1;
    learning_over_smp(&device.smp_config);
#endif
    device.reset = 0;
    mcuedit_context_init(&app_context, &MODEL_BASE, device.h, sizeof(device.h));
    device.base_error = MODEL_START(&app_context, app_arena);
    int err = mcuedit_store_open(&device.store, &device.store_config);
    mcuedit_smp_init(&device.smp, &device.smp_config);
    (void)updatable_who(NULL, 0);
    return device.base_error ? device.base_error : err ? err : device.store.damage;
}

uint32_t updatable_handle(const uint8_t *request, uint32_t size, uint8_t *response, uint32_t capacity)
{
    mcuedit_store_idle(&device.store);
    return mcuedit_smp_handle(&device.smp, request, size, response, capacity);
}

#if MCUEDIT_AUTHORITY
mcuedit_authority *updatable_authority(void)
{
    return &authority;
}

void updatable_peer(uint32_t peer)
{
    mcuedit_smp_from(&device.smp, peer);
}
#endif

int updatable_wants_reset(void)
{
    return device.reset;
}

uint8_t updatable_who(const uint8_t *who, uint32_t size)
{
    device.hash = hash_of(who, size);
    return arm_of(device.hash);
}

void updatable_outcome(uint8_t good)
{
    mcuedit_store_outcome(&device.store, device.arm, good);
}

mcuedit_store *updatable_store(void)
{
    return &device.store;
}

uint8_t updatable_arm(void)
{
    return device.arm;
}
