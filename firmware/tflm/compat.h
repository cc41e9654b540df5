/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of TensorFlow Lite Micro that are used here, wherever a version of it keeps them: mcuedit::tflm::X is
 * tflite::X or tflite::micro::X.
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
} // namespace tflm
} // namespace mcuedit

#endif
