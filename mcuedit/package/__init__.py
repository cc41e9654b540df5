# SPDX-License-Identifier: Apache-2.0
"""What goes to a device: the bytes of an adapter (SPEC.md, section 3), and the signed package around them (section 7).

adapter     Adapter <-> device bytes
probe       inputs whose answers a device checks before it trusts a new adapter, sparsely coded
container   adapter and probes <-> an MCUboot image, made by imgtool and read strictly
"""

from mcuedit.adapter.encoding import DELTA, HEADER, LABEL, MAGIC, check, decode, encode, parts
from mcuedit.package.container import Package, Refused, seal
from mcuedit.package.opening import open_package, parse
from mcuedit.package.probe import Probe

__all__ = [
    "DELTA",
    "HEADER",
    "LABEL",
    "MAGIC",
    "Package",
    "Probe",
    "Refused",
    "check",
    "decode",
    "encode",
    "open_package",
    "parse",
    "parts",
    "seal",
]
