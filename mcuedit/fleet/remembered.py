# SPDX-License-Identifier: Apache-2.0
"""What the host remembers of a device, held against what the device says of itself."""

from __future__ import annotations

from pathlib import Path

from mcuedit.fleet import device_log, identity
from mcuedit.fleet.identity import ACCEPTED
from mcuedit.fleet.transport import Device, SlotState, Status, TransportError
from mcuedit.package.registry import Deployment, Registry, open_registry

BEHIND, BROKEN_LOG = "behind", "log"  # reasons beside those of transport
_ACTIVATED = (SlotState.TRIAL, SlotState.CONFIRMED)


def name_of(device: Device, status: Status) -> str:
    """What the registry calls a device: its own id, or its address if it has none."""
    return status.device or str(device.address)


def look(device: Device, registry: Path | None = None) -> tuple[Status, device_log.Log]:
    """A device's status, if it is the device that it was and nothing of it is behind what is remembered.

    Raises:
        Broken: the log was changed, cut short, or is another device's.
        TransportError: `reason` BEHIND: an old state was put back; IDENTITY: another device; or it cannot be asked.
    """
    status = identity.recognise(device, registry)
    with open_registry(registry) as memory:
        known, seen = memory.known_log(name_of(device, status)), activated(memory, name_of(device, status))
    log = device_log.read(device, status, known)
    if status.minimum_counter < seen:
        what = f"{device.address}: its counter is {status.minimum_counter}, and it had activated {seen} before"
        hint = f"an old state was put back; if on purpose: 'mcuedit log --to {device.address} --accept'"
        raise TransportError(BEHIND, what, hint)
    return status, log


def keep(device: Device, before: Status | None, registry: Path | None = None) -> Status:
    """Verifies the log once more and remembers it, with every slot that is not as it was `before`.

    Returns:
        The status now.
    """
    status = identity.recognise(device, registry)
    name = name_of(device, status)
    with open_registry(registry) as memory:
        log = device_log.read(device, status, memory.known_log(name))
        memory.remember_log(name, log.next, log.head)
        for slot in status.slots:
            if before is not None and slot not in before.slots:
                found = Deployment(name, slot.index, slot.state, slot.digest or None, slot.counter)
                base = status.base if len(status.base) == 64 else ""
                memory.record(found, address=str(device.address), base_sha256=base)
    return status


def accept(device: Device, registry: Path | None = None) -> Status:
    """Forgets what was remembered of a device and takes it as it is now.

    Raises:
        Broken: its log does not even hold by itself.
    """
    status = device.status()
    with open_registry(registry) as memory:
        name = name_of(device, status)
        device_log.read(device, status, None, whole=True)
        memory.record(Deployment(name, None, ACCEPTED, None), address=str(device.address))
    status = identity.recognise(device, registry, anew=True)
    log = device_log.read(device, status, None, whole=True)
    with open_registry(registry) as memory:
        memory.remember_log(name, log.next, log.head)
    return status


def activated(memory: Registry, device: str) -> int:
    """The highest security counter that a device is known to have activated; 0 if none."""
    highest = 0
    for deployment in memory.history(device):
        if deployment.state == ACCEPTED:
            highest = 0
        elif deployment.state in _ACTIVATED:
            highest = max(highest, deployment.counter or 0)
    return highest
