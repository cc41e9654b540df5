#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Writes a firmware or an adapter to this board: flash.sh ELF, or flash.sh --adapter F --slot N. See `mcuedit flash -h`.
exec mcuedit flash "$(basename "$(cd "$(dirname "$0")" && pwd)")" "$@"
