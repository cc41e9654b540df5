# SPDX-License-Identifier: Apache-2.0
"""mcuedit log: what was done to a device, as its device log has it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from mcuedit._util.atomic import write_file
from mcuedit.cli._shared import devices
from mcuedit.cli._shared.common import example, print_json, stdout, table
from mcuedit.cli._shared.options import PATH, into, json_option
from mcuedit.fleet import device_log, remembered
from mcuedit.fleet.transport import Status
from mcuedit.package.registry import open_registry


@dataclass(frozen=True)
class _Given(devices.Reach):
    accept: bool
    raw: Path | None


@click.command(epilog=example("mcuedit log --to udp:192.168.1.20:1337"))
@devices.to_option
@click.option("--accept", is_flag=True, help="Take the device as it is now, whatever the registry remembers of it.")
@click.option("--raw", type=PATH, metavar="FILE", help="Write the records there as they are, 32 bytes each.")
@devices.transport_options
@json_option
@into(_Given)
def command(given: _Given) -> int:
    """Read the device log of a device and verify it; exit code 1 if it does not hold.

    Every record is chained to the one before it, and the log as a whole to what the registry saw last of this device: a
    record that was changed or left out, a log that was cut short and a device that was swapped are found.
    """
    to, as_json = given.to, given.as_json
    with given.device() as device:
        try:
            if given.accept:
                remembered.accept(device)
            status, _ = remembered.look(device)
            with open_registry() as registry:
                known = registry.known_log(remembered.name_of(device, status))
            log = device_log.read(device, status, known, whole=True)
            remembered.keep(device, None)
            devices.note_key(device)
            proved = device.identity is not None
        except device_log.Broken as error:
            return _broken(to, error, as_json)
    if given.raw:
        write_file(given.raw, log.data)
    if as_json:
        _json(to, status, log, proved)
    else:
        stdout().print(
            table("", COLUMNS, device_log.rows(log.records), left=("event", "active set", "signer", "package"))
        )
        held = f"{len(log.records)} records hold; {SINCE[log.tied]}; {devices.PROVED[proved]}"
        stdout().print(f"{status.device or to}: {held}", markup=False)
    return 0


SINCE = {
    None: "seen for the first time",
    True: "they go on from what was seen before",
    False: "what was seen before is no longer kept",
}
COLUMNS = ("record", "event", "slot", "active set", "counter", "signer", "package")


def _broken(to: str, error: device_log.Broken, as_json: bool) -> int:
    if as_json:
        print_json({"address": to, "valid": False, "why": error.message})
    else:
        stdout().print(f"{error.message}\n{error.hint}", markup=False)
    return 1


def _json(to: str, status: Status, log: device_log.Log, proved: bool) -> None:
    values = {"address": to, "device": status.device, "valid": True, "why": "", "tied": log.tied, "next": log.next}
    values |= {"head": log.head, "authenticated": proved}
    for key in ("sequence", "event", "slot", "mask", "counter", "key", "digest"):
        values[key] = [getattr(record, key) for record in log.records]
    print_json(values)
