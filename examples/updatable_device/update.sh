#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A device that runs, is sent a signed repair, tries it, and keeps it. PORT: the UDP port it listens at.
set -euo pipefail
at=udp:127.0.0.1:${PORT:-1337}
export MCUEDIT_OPERATOR_KEY=operator.pem     # signs the commands below; the device obeys nobody else

./device --flash device.flash --port "${PORT:-1337}" --id pump-7 &
trap 'kill $!' EXIT

mcuedit push fix.mcu --to "$at" --activate   # a trial: it ends by itself after three boots
mcuedit confirm --to "$at"                   # or: mcuedit rollback
mcuedit log --to "$at"                       # what was done to the device, verified
