/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of TensorFlow Lite Micro, wherever a version of it keeps them: `using namespace mcuedit::tflm` finds those
 * of namespace tflite, and those that newer versions moved from there and from the global namespace to tflite::micro.
 */
#ifndef MCUEDIT_COMPAT_H
#define MCUEDIT_COMPAT_H

#include "tensorflow/lite/c/common.h"
#include "tensorflow/lite/micro/micro_common.h"
#include "tensorflow/lite/micro/micro_context.h"

namespace tflite
{
namespace micro
{
}
} // namespace tflite

namespace mcuedit
{
namespace tflm
{
using namespace ::tflite;
using namespace ::tflite::micro;

/* TFLM's interface for kernels. */
inline MicroContext *Context(TfLiteContext *context)
{
#ifdef MCUEDIT_TFLM_NEWER
    /* The runtime is newer than these headers (firmware/apps/hostlib): this is all that it has in there. */
    return *reinterpret_cast<MicroContext **>(context);
#else
    return GetMicroContext(context);
#endif
}
} // namespace tflm
} // namespace mcuedit

#endif
