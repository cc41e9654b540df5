# SPDX-License-Identifier: Apache-2.0
"""mcuedit deactivate: adapters out of force, out of use, or out of the flash."""

from __future__ import annotations

from dataclasses import dataclass

import click

from mcuedit._util.errors import McueditError
from mcuedit.cli._shared import devices
from mcuedit.cli._shared.common import example
from mcuedit.cli._shared.options import into, json_option
from mcuedit.fleet.transport import mask_of


@dataclass(frozen=True)
class _Given(devices.Reach):
    names: tuple[str, ...]
    revoke: bool
    erase: bool
    boots: int | None


@click.command(
    epilog=example(
        "mcuedit deactivate gitega --to udp:192.168.1.20:1337",
        "mcuedit deactivate --to serial:/dev/ttyACM0",
    )
)
@click.argument("names", metavar="[NAME|SLOT]...", nargs=-1)
@devices.to_option
@click.option("--revoke", is_flag=True, help="For good: the device refuses these packages from now on.")
@click.option("--erase", is_flag=True, help="Free the slots, which must not be active.")
@devices.boots_option
@devices.transport_options
@json_option
@into(_Given)
def command(given: _Given) -> None:
    """Start the trial of a set without some adapters; without any (the factory state) if none is named.

    With --revoke or --erase it is done at once and for good.
    """
    if given.revoke and given.erase:
        raise McueditError(
            "--revoke and --erase exclude each other", "revoke now; a new upload may take the slot later"
        )
    for_good = given.revoke or given.erase
    if for_good and not given.names:
        raise McueditError("no slot is named", "name the adapters or slots to revoke or erase")
    with given.opened() as (device, status):
        slots = devices.chosen(status, given.names, among=None if for_good else status.active)
        if for_good:
            for slot in slots:
                device.drop(slot, erase=given.erase)
        else:
            stay = [i for i in status.confirmed if i not in slots] if given.names else []
            device.activate(mask_of(tuple(stay)), given.boots)
        after = device.status()
    devices.report(given.to, after, given.as_json)
