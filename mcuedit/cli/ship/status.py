# SPDX-License-Identifier: Apache-2.0
"""mcuedit status: what a device runs, holds, and counted."""

from __future__ import annotations

import click

from mcuedit._util.errors import McueditError
from mcuedit.cli._shared import devices
from mcuedit.cli._shared.common import example, print_json, stdout
from mcuedit.cli.ship import revoke
from mcuedit.fleet import device_log, remembered
from mcuedit.fleet.transport import Arms, Status, TransportError
from mcuedit.package.registry import default_path, open_registry


@click.command(epilog=example("mcuedit status --to udp:192.168.1.20:1337", "mcuedit status --to serial:/dev/ttyACM0"))
@devices.on_a_device
def command(given: devices.Reach) -> int:
    """Show a device: its base, its slots, its trial, the counters of its arms, an upload that is under way.

    Exit code 1 if its device log or counter does not go on from what the registry saw last, or if the confirmed set
    is damaged.
    """
    with given.device() as device:
        trouble: McueditError | None = None
        try:
            status, _ = remembered.look(device)
        except device_log.Broken as error:
            trouble, status = error, device.status()
        except TransportError as error:
            if error.reason != remembered.BEHIND:
                raise
            trouble, status = error, device.status()
        arms = device.arms()
        if trouble is None:
            remembered.keep(device, None)
        devices.note_key(device)
        proved = device.identity is not None
    newer = _newer(status)
    if given.as_json:
        _json(given.to, status, arms, newer, trouble, proved)
    else:
        _show(given.to, status, arms, newer, trouble)
        stdout().print(devices.PROVED[proved], markup=False)
    return 1 if trouble or status.damage else 0


def _newer(status: Status) -> list[str]:
    """Packages of the registry for this base that the device has not had yet: it may be kept from them."""
    if not default_path().is_file():
        return []
    with open_registry() as registry:
        known = [one for one in registry.packages() if one.base_sha256.startswith(status.base)]
    return [
        f"{one.name}@{one.version}"
        for one in known
        if one.counter > status.minimum_counter and not status.find(one.digest)
    ]


def _json(to: str, status: Status, arms: Arms, newer: list[str], trouble: McueditError | None, proved: bool) -> None:
    values = {"address": to, **devices.state_of(status), "base_sha256": status.base, "slot_size": status.slot_size}
    values |= {
        "authenticated": proved,
        "records": status.records,
        "erases": status.erases,
        "open_erases": status.open_erases,
        "newer_in_registry": newer,
        "revocation": status.revocation,
        "revoked_keys": list(status.revoked),
        "active_of_revoked_keys": [slot.index for slot in status.lapsed if slot.index in status.active],
    }
    values |= {"log": trouble.message if trouble else "ok"}
    values |= {"upload_offset": status.upload[0], "upload_size": status.upload[1]} if status.upload else {}
    for arm, index in ("confirmed", 0), ("trial", 1):
        values |= {f"arm_{arm}_{k}": v[index] for k, v in vars(arms).items()}
    for key in ("state", "name", "version", "counter", "digest", "size", "key"):
        values[f"slot_{key}"] = [getattr(slot, key) for slot in status.slots]
    print_json(values)


def _show(to: str, status: Status, arms: Arms, newer: list[str], trouble: McueditError | None) -> None:
    devices.report(to, status, False)
    out = stdout()
    counts = f"{status.records} records, {status.erases} journal erases"
    out.print(f"base {status.base}, counter {status.minimum_counter}, {counts}")
    out.print(devices.slot_table(status))
    if status.open_erases:
        out.print(f"{status.open_erases} erases for uploads without a signature since its start")
    if status.revocation is not None:
        keys = f"revokes {', '.join(status.revoked) or 'none'}" if status.revocation else "there was none yet"
        out.print(f"list {status.revocation} of revoked keys: {keys}")
        revoke.warn(status)
    if status.upload:
        out.print(f"an upload is under way: {status.upload[0]} of {status.upload[1]} bytes; push again to go on")
    if status.in_trial or any(arms.runs):
        for index, arm in enumerate(("confirmed", "trial")):
            counts = f"{arms.runs[index]:,} inferences, {arms.good[index]:,} good, {arms.bad[index]:,} bad"
            out.print(f"arm {arm}: {counts}")
    if newer:
        out.print(f"not had yet: {', '.join(newer)}", markup=False)
    if trouble:
        out.print(f"device log: {trouble.message}\n{trouble.hint}", markup=False)
