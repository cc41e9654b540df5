# SPDX-License-Identifier: Apache-2.0
"""mcuedit activate: adapters that a device holds."""

from __future__ import annotations

import click

from mcuedit.cli._shared import devices
from mcuedit.cli._shared.common import example, json_option
from mcuedit.fleet.transport import mask_of


@click.command(epilog=example("mcuedit activate gitega --to udp:192.168.1.20:1337 --ab 10%"))
@click.argument("names", metavar="NAME|SLOT...", nargs=-1, required=True)
@devices.to_option
@click.option("--only", is_flag=True, help="Activate these alone, not beside the confirmed ones.")
@click.option("--ab", type=devices.Percent(), metavar="P%", help="Share of the inferences that the trial answers.")
@devices.boots_option
@devices.transport_options
@json_option
def command(
    names: tuple[str, ...],
    to: str,
    only: bool,
    ab: int | None,
    boots: int | None,
    timeout: float,
    tries: int,
    as_json: bool,
) -> None:
    """Start the trial of adapters that a device holds, beside those that are confirmed.

    Of several with one name the newest is meant; it takes the place of a confirmed one of its name. A trial that nobody
    confirms ends by itself.
    """
    with devices.opened(to, timeout, tries) as (device, status):
        slots = devices.chosen(status, names)
        device.activate(mask_of(slots if only else devices.with_added(status, slots)), boots, ab)
        after = device.status()
    devices.report(to, after, as_json)
