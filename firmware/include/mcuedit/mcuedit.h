/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mcuedit: gated low-rank INT8 deltas beside a frozen INT8 model.
 *
 * The API is documented here and only here; byte formats and arithmetic are in SPEC.md. Nothing allocates, nothing is
 * global: every object is the caller's and must outlive its use. Functions that can fail return a negative
 * mcuedit_error. Adapters are read in place, from flash.
 */
#ifndef MCUEDIT_MCUEDIT_H
#define MCUEDIT_MCUEDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "mcuedit/compiler.h"
#include "mcuedit/config.h"
#include "mcuedit/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Version of the device byte format (SPEC.md, section 3) and of the structures that generated code fills. */
#define MCUEDIT_FORMAT       1

/* Bytes of a base's SHA-256, and how many of them an adapter carries; a package carries them all. */
#define MCUEDIT_BASE_SIZE    32
#define MCUEDIT_BASE_ID_SIZE 8

/* Rows of an output whose deltas are summed at a time. */
#define MCUEDIT_BLOCK_ROWS   8

/* How the windows of a convolution lie over an NHWC input. None of the sizes is 0. */
typedef struct {
    uint16_t batches, in_h, in_w, in_c;
    uint16_t out_h, out_w;
    uint16_t kernel_h, kernel_w;
    uint16_t stride_h, stride_w;
    uint16_t dilation_h, dilation_w;
    uint16_t pad_top, pad_left; /* positions before the input under the first window */
} mcuedit_window;

/*
 * What a delta must know of one op of the base. All zero for an op that cannot carry one. Position i is the input's
 * i-th run of n_in elements, or, where there is a `window`, what lies under the window at output position i.
 */
typedef struct {
    uint16_t n_in;  /* elements of the input at a position */
    uint16_t n_out; /* elements of the output at a position */
    uint32_t positions;
    int8_t input_zero_point; /* padding too */
    int8_t act_lo;           /* fused activation range, in the output's quantization */
    int8_t act_hi;
    bool serves_output;           /* taps can be its output: mcuedit_context_add_served is called for it, or give */
    const mcuedit_window *window; /* NULL: positions lie one after the other */
} mcuedit_op;

/* A constant of the base in flash: weights, bias. */
typedef struct {
    const void *bytes;
    uint32_t size;
} mcuedit_blob;

/* The base as it was generated. Its identity holds only as far as the constants in flash are the generated ones. */
typedef struct {
    uint8_t sha256[MCUEDIT_BASE_SIZE];
    uint16_t op_count;
    uint16_t blob_count;
    uint32_t output_size; /* elements of the output tensor: the classes that labels can name */
    const mcuedit_op *ops;
    const mcuedit_blob *blobs;
    uint32_t blobs_crc;                                              /* CRC-32 of all blobs, one after the other */
    bool (*fits_output)(const uint8_t *delta, const mcuedit_op *op); /* NULL: no op serves its output */
} mcuedit_base;

/* Sets of ops, a bit for each op index modulo 32: ops that no delta is about cost a test of a bit. */
typedef struct {
    uint32_t own;      /* tap and target of the same delta */
    uint32_t tapped;   /* tap of a later target, or by its output, of itself */
    uint32_t targeted; /* target of such a tap */
} mcuedit_op_bits;

/* An adapter whose every byte was checked against one base. Fields are private. */
typedef struct {
    const mcuedit_base *base;
    const uint8_t *deltas;
    const uint8_t *labels;
    const uint8_t *end;
    uint16_t delta_count;
    uint16_t rank; /* of all its deltas together */
    mcuedit_op_bits ops;
} mcuedit_adapter;

/* Adapters to be active together, in any order. */
typedef struct {
    const mcuedit_adapter *const *adapters;
    uint8_t count;
} mcuedit_set;

/*
 * What an inference runs with, and the set that is active. `next` is swapped by one pointer store, `now` is what the
 * running inference latched. Fields are private.
 */
typedef struct {
    const mcuedit_set *volatile next;
    const mcuedit_set *now;
    const mcuedit_base *base;
    int8_t *h;
    uint16_t h_size;
    mcuedit_op_bits ops;
    uint32_t reached;                 /* targets behind an open gate at an earlier tap, as in mcuedit_op_bits */
    uint32_t due;                     /* those, and ops.own: all that may have something to add */
    int32_t sums[MCUEDIT_BLOCK_ROWS]; /* of the deltas over a block of rows; all 0 between two blocks */
} mcuedit_context;

/* Checks the constants of `base` in flash against their CRC. Once, at start. MCUEDIT_E_BASE if they differ. */
int mcuedit_base_check(const mcuedit_base *base);

/*
 * The size that an adapter at `bytes` (4-byte aligned, 8 or more can be read) states: of one that lies in a slot of
 * flash with nothing beside it. 0 if none starts there. Proves nothing: give it to mcuedit_adapter_open, once it is
 * known to be no more than the slot.
 */
uint32_t mcuedit_adapter_size(const void *bytes);

/*
 * Checks all of `bytes` (4-byte aligned, `size` bytes) against SPEC.md and `base`, and makes `adapter` a view of it.
 * On failure `adapter` is left as it was.
 */
int mcuedit_adapter_open(mcuedit_adapter *adapter, const mcuedit_base *base, const void *bytes, uint32_t size);

/* Whether the tap of a delta is the output of `op`, its target: of bases with such ops, the field `fits_output`. */
bool mcuedit_adapter_fits_output(const uint8_t *delta, const mcuedit_op *op);

/* A context for `base`, no adapter active. `h` keeps one byte per factor of the active adapters; `h_size` bounds their
 * number. */
void mcuedit_context_init(mcuedit_context *context, const mcuedit_base *base, int8_t *h, uint16_t h_size);

/*
 * Activates `set` (NULL: none) from the next inference on. Safe against a running inference, from an interrupt too.
 * MCUEDIT_E_RANK if `h` is too small, MCUEDIT_E_LABEL if two adapters name one class differently, MCUEDIT_E_BASE if
 * one was opened for another base; the active set then stays as it was. The set and its adapters must stay valid until
 * the inference after the one that replaces them.
 */
int mcuedit_context_set(mcuedit_context *context, const mcuedit_set *set);

/*
 * Called by an inference, in this order: latch once; before op `op` project, after it add. `context` may be NULL. `x`
 * and `y` are the op's whole input and output. An op with a window is not projected; it is added by the last of these,
 * with n_in bytes in `patch` to gather a window in, so that a base without such ops does not link the code for them.
 */
void mcuedit_context_latch(mcuedit_context *context);
void mcuedit_context_project(mcuedit_context *context, uint16_t op, const int8_t *x);
void mcuedit_context_add(mcuedit_context *context, uint16_t op, const int8_t *x, int8_t *y);
void mcuedit_context_add_windows(mcuedit_context *context, uint16_t op, const int8_t *x, int8_t *y, int8_t *patch);

/*
 * In place of add, for an op whose output may be a tap. And of such an op with one position that does not leave its
 * input as it was, an accelerator's: take before it, beside project, and give after it. A base without such ops does
 * not link the code for them.
 */
void mcuedit_context_add_served(mcuedit_context *context, uint16_t op, const int8_t *x, int8_t *y);
void mcuedit_context_take(mcuedit_context *context, uint16_t op, const int8_t *x);
void mcuedit_context_give(mcuedit_context *context, uint16_t op, int8_t *y);

/* Name that the set to be latched next gives to class `index`: not terminated, `*length` bytes. NULL if none does. */
const char *mcuedit_context_label(const mcuedit_context *context, uint16_t index, uint8_t *length);

/* The first index of the largest of n >= 1 values: the answer of a classifier. */
uint32_t mcuedit_argmax_s8(const int8_t *values, uint32_t n);

/* Text features (SPEC.md, section 4): `length` bytes of `text` to `n` features; `n` is a power of two. */
void mcuedit_text_features(const char *text, uint32_t length, int8_t *features, uint32_t n);

#ifdef __cplusplus
}
#endif

#endif
