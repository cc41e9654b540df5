/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MCUEDIT_SMP_UPLOAD_H
#define MCUEDIT_SMP_UPLOAD_H

#include "message.h"

mcuedit_smp_handler mcuedit_smp_upload;

#endif
