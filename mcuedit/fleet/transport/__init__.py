# SPDX-License-Identifier: Apache-2.0
"""Devices in the field over SMP: UDP, serial ports, and UARTs that an emulator gives as a TCP socket.

address     udp:HOST:PORT and the like
wires       kinds of transports, a module each; wire: whichever an address names; frames: messages in a UART's lines
exchange    a request and its answer; roundtrip: how long that takes
protocol    numbers and keys, from the header that the device is compiled with
messages    of mcuedit's group; other_groups: of SMP's own; refusals: errors as messages
state       what a device says about itself, as plain values
client      what a device can be asked, and why it gave up
upload      a package, resumable and bounded in time
reasons     one word for each way to fail
"""

from mcuedit.fleet.transport.address import Address, parse
from mcuedit.fleet.transport.client import Device
from mcuedit.fleet.transport.reasons import Refused, TransportError
from mcuedit.fleet.transport.state import Answer, Arms, Records, Slot, SlotState, Status, mask_of
from mcuedit.fleet.transport.upload import Limits, upload

__all__ = [
    "Address",
    "Answer",
    "Arms",
    "Device",
    "Limits",
    "Records",
    "Refused",
    "Slot",
    "SlotState",
    "Status",
    "TransportError",
    "mask_of",
    "parse",
    "upload",
]
