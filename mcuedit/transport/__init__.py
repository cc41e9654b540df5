# SPDX-License-Identifier: Apache-2.0
"""Devices in the field over SMP: UDP, serial ports, and UARTs that an emulator gives as a TCP socket."""

from mcuedit.transport.address import Address, parse
from mcuedit.transport.device import Device
from mcuedit.transport.reasons import LinkError, Refused
from mcuedit.transport.state import Arms, Records, Slot, Status, mask_of
from mcuedit.transport.upload import Limits, upload

__all__ = [
    "Address",
    "Arms",
    "Device",
    "Limits",
    "LinkError",
    "Records",
    "Refused",
    "Slot",
    "Status",
    "mask_of",
    "parse",
    "upload",
]
