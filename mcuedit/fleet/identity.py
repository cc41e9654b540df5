# SPDX-License-Identifier: Apache-2.0
"""Whether a device is the one that it was: its own key, seen first or from a file, proves what it answers.

device-keys.toml: the keys of devices, by id.

"pump-7" = "ed25519:6d95...40"
"pump-8" = "hmac-sha256:91e0...7c"
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from mcuedit._util.errors import McueditError
from mcuedit.fleet.transport import Device, Status, TransportError
from mcuedit.fleet.transport.authority import DeviceKey, Identity
from mcuedit.fleet.transport.authority.key_files import KeyFile
from mcuedit.fleet.transport.authority.proving import SHARED, SIGNED
from mcuedit.fleet.transport.messages import IdentityResponse
from mcuedit.fleet.transport.reasons import IDENTITY
from mcuedit.package.registry import Deployment, Registry, open_registry

ENROLLED = "enrolled"  # in a device's history: its key, as a result
ACCEPTED = "accepted"  # likewise: what was remembered before does not count any more
_KEPT = "by a file"
_KEY = re.compile(rf"({SIGNED}|{SHARED}):([0-9a-f]{{64}})")
_FORM = f'a line for each device: "ID" = "{SIGNED}:HEX" or "{SHARED}:HEX", 64 digits'


def load_keys(path: Path) -> dict[str, DeviceKey]:
    """The keys of devices, by id.

    Raises:
        McueditError: it is no such file, or has secrets that others may read.
    """
    file = KeyFile.read(path, _FORM)
    found: dict[str, DeviceKey] = {}
    for device, value in file.table.items():
        key = _KEY.fullmatch(value) if isinstance(value, str) else None
        if not key:
            raise McueditError(f"{path}: {device}: no key of a device", _FORM)
        found[device] = DeviceKey(key[1], bytes.fromhex(key[2]))
    if any(key.kind == SHARED for key in found.values()):
        file.check_private()
    return found


def recognise(device: Device, registry: Path | None = None, *, anew: bool = False) -> Status:
    """The status of a device, which from now on proves what it answers, if it ever did.

    A key that is seen for the first time is remembered (`device.is_new`), unless `device.keys` say whose it is.

    Args:
        anew: take the key that it has now, whatever was remembered.

    Raises:
        TransportError: `reason` IDENTITY: it does not prove to be the device that it was, or that it says it is.
    """
    if device.identity:
        return device.status()
    told = device.who()
    key = _key_of(told, device.keys) if told else None
    if told and key:
        device.identity = Identity(told.id, told.base, key)
    status = device.status()
    name = status.device or str(device.address)
    with open_registry(registry) as memory:
        _hold(device, name, ("", "") if anew else _known(memory, device, name))
        if device.identity and not _of(memory, name):
            device.is_new = device.keys is None
            kept = str(device.identity.key) if device.is_new else _KEPT  # secrets stay in their file
            memory.record(Deployment(name, None, ENROLLED, None, result=kept), address=str(device.address))
    return status


def _key_of(told: IdentityResponse, keys: Mapping[str, DeviceKey] | None) -> DeviceKey | None:
    """That of the file, or the device's word for it, which it has to prove."""
    if keys is not None:
        return keys.get(told.id)
    return DeviceKey(SIGNED, told.key) if told.key else None


def _hold(device: Device, name: str, known: tuple[str, str]) -> None:
    """Raises TransportError unless a device is as it was known to be, or as the file has it."""
    at, found = device.address, device.identity
    if found and found.device != name:
        raise TransportError(IDENTITY, f"{at}: says that it is {found.device}, and {name}", "something changes answers")
    if device.keys is not None:
        if not found:
            what = f"{at}: {name} does not prove to be itself" if name in device.keys else f"{at}: no key of {name}"
            raise TransportError(IDENTITY, what, "see --device-keys: the device's key stands there, or it is another")
        return
    who, key = known
    if key == _KEPT:
        raise TransportError(IDENTITY, f"{at}: the key of {who} stands in a file", "give it: --device-keys FILE")
    if key and (not found or str(found.key) != key):
        what = "has another key than" if found else "does not prove to be"
        hint = f"if it was replaced on purpose: 'mcuedit log --to {at} --accept'"
        raise TransportError(IDENTITY, f"{at}: {what} {who}, which was seen before", hint)


def _known(memory: Registry, device: Device, name: str) -> tuple[str, str]:
    """A device and its key; where it never had one, and proves nothing, that of the one that was at its address."""
    known = _of(memory, name)
    if known is None and not device.identity:
        others = ((one, _of(memory, one)) for one in memory.at(str(device.address)))
        return next(((one, key) for one, key in others if key), ("", ""))
    return name, known or ""


def _of(memory: Registry, name: str) -> str | None:
    """The key of a device; "" if it was accepted without one, None if nothing is known."""
    key = None
    for deployment in memory.history(name):
        key = deployment.result if deployment.state == ENROLLED else "" if deployment.state == ACCEPTED else key
    return key
