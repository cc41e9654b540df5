# SPDX-License-Identifier: Apache-2.0
"""mcuedit deactivate: adapters out of force, out of use, or out of the flash."""

from __future__ import annotations

import click

from mcuedit._util.errors import McueditError
from mcuedit.cli._shared import devices
from mcuedit.cli._shared.common import example, json_option
from mcuedit.fleet.transport import mask_of


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
def command(
    names: tuple[str, ...],
    to: str,
    revoke: bool,
    erase: bool,
    boots: int | None,
    timeout: float,
    tries: int,
    as_json: bool,
) -> None:
    """Start the trial of a set without some adapters; without any (the factory state) if none is named.

    With --revoke or --erase it is done at once and for good.
    """
    if revoke and erase:
        raise McueditError(
            "--revoke and --erase exclude each other", "revoke now; a new upload may take the slot later"
        )
    if (revoke or erase) and not names:
        raise McueditError("no slot is named", "name the adapters or slots to revoke or erase")
    with devices.opened(to, timeout, tries) as (device, status):
        slots = devices.chosen(status, names, among=None if revoke or erase else status.active)
        if revoke or erase:
            for slot in slots:
                device.drop(slot, erase=erase)
        else:
            stay = [i for i in status.confirmed if i not in slots] if names else []
            device.activate(mask_of(tuple(stay)), boots)
        after = device.status()
    devices.report(to, after, as_json)
