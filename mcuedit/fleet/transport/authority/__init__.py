# SPDX-License-Identifier: Apache-2.0
"""Commands that a device obeys: signed by an operator, for one device and one moment (docs/spec/management.md).

signing     what a signature is over, and where it stands in a request
operators   who signs; device_keys: by keys that devices hold; key_files: where those stand
padding     room for answers
session     what is signed of all that is asked
proving     whether an answer is the device's own
"""

from mcuedit.fleet.transport.authority.device_keys import DeviceKeys
from mcuedit.fleet.transport.authority.operators import Operator, load
from mcuedit.fleet.transport.authority.padding import Padding
from mcuedit.fleet.transport.authority.proving import DeviceKey, Identity
from mcuedit.fleet.transport.authority.session import Signing

__all__ = ["DeviceKey", "DeviceKeys", "Identity", "Operator", "Padding", "Signing", "load"]
