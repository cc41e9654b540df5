# SPDX-License-Identifier: Apache-2.0
"""Firmware and adapters onto boards, by flashers that others wrote: plans of command lines, and runs of them."""

from __future__ import annotations

from mcuedit.boards.flashing.execution import Session
from mcuedit.boards.flashing.flash_image import Image, adapter_image, firmware_image
from mcuedit.boards.flashing.runners import Commands, Step, commands

__all__ = ["Commands", "Image", "Session", "Step", "adapter_image", "commands", "firmware_image"]
